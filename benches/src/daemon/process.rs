//! A daemon as a process: started from a command template, watched through `/proc`, ended with its value.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::Trouble;

/// How a daemon is started: a shell's command with `{flags}`, `{port}`, `{management}`, `{sync}`, `{ofrep}`.
#[derive(Clone, Debug)]
pub struct Template {
    /// What its figures are called.
    pub name: String,
    command: String,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// gRPC and Connect.
    Evaluation,
    /// Health.
    Management,
    /// Flag definitions.
    Sync,
    /// OFREP.
    Ofrep,
}

/// A running daemon; it ends with this.
#[derive(Debug)]
pub struct Process {
    /// As its template's.
    pub name: String,
    /// When it was started.
    pub began: Instant,
    child: Child,
    ports: [u16; 4],
}

/// What a process holds, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident.
    pub resident: u64,
    /// Resident, pages that are shared with others by their part; as resident where the system does not tell.
    pub proportional: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

impl Template {
    /// Reads `NAME=COMMAND`; without a name it is "daemon".
    pub fn read(text: &str) -> Self {
        let named = text.split_once('=').filter(|(name, _)| !name.contains(['/', '-', '{']));
        let (name, command) = named.unwrap_or(("daemon", text));
        Self { name: name.to_owned(), command: command.to_owned() }
    }

    /// Starts it on free ports with a file of flags; `core` is where all of its threads run, none for everywhere.
    ///
    /// # Errors
    ///
    /// Where it cannot be started.
    pub fn start(&self, flags: &Path, core: Option<usize>) -> Result<Process, Trouble> {
        let ports = free_ports()?;
        let mut command = self.command.replace("{flags}", &flags.to_string_lossy());
        command = command.replace("{answers}", &flags.with_extension("answers").to_string_lossy());
        for (name, port) in ["{port}", "{management}", "{sync}", "{ofrep}"].into_iter().zip(ports) {
            command = command.replace(name, &port.to_string());
        }
        let before = sched_getaffinity(None)?;
        if let Some(core) = core {
            pin(core)?;
        }
        let began = Instant::now();
        let child = Command::new("/bin/sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        sched_setaffinity(None, &before)?;
        Ok(Process { name: self.name.clone(), began, child: child?, ports })
    }
}

impl Process {
    /// Where a port of it is.
    pub fn address(&self, port: Port) -> SocketAddr {
        let [evaluation, management, sync, ofrep] = self.ports;
        let number = match port {
            Port::Evaluation => evaluation,
            Port::Management => management,
            Port::Sync => sync,
            Port::Ofrep => ofrep,
        };
        (Ipv4Addr::LOCALHOST, number).into()
    }

    /// The time that its threads have run, in user and kernel, to the nanosecond.
    ///
    /// # Errors
    ///
    /// Where the process is gone.
    pub fn cpu(&self) -> Result<Duration, Trouble> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end meanwhile.
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// What it holds now.
    ///
    /// # Errors
    ///
    /// Where the process is gone.
    pub fn memory(&self) -> Result<Memory, Trouble> {
        let process = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{process}/status"))?;
        let rollup = fs::read_to_string(format!("{process}/smaps_rollup")).unwrap_or_default();
        let resident = kibibytes(&status, "VmRSS:").ok_or("the process tells no resident size")?;
        Ok(Memory {
            resident,
            proportional: kibibytes(&rollup, "Pss:").unwrap_or(resident),
            peak: kibibytes(&status, "VmHWM:").unwrap_or(resident),
        })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Makes sure that it has not ended.
    ///
    /// # Errors
    ///
    /// Where it has.
    pub fn lives(&mut self) -> Result<(), Trouble> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("{} has ended: {status}", self.name).into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(id, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Has this thread, and those that it starts, run on one core alone.
///
/// # Errors
///
/// Where there is no such core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Where servers run while they are under load.
pub const SERVER_CORE: usize = 0;

/// Where the load comes from.
pub const LOAD_CORE: usize = 1;

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn free_ports() -> io::Result<[u16; 4]> {
    let mut kept = Vec::new();
    let mut ports = BTreeSet::new();
    while ports.len() < 4 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        ports.insert(listener.local_addr()?.port());
        kept.push(listener);
    }
    let mut found = [0; 4];
    found.iter_mut().zip(ports).for_each(|(place, port)| *place = port);
    Ok(found)
}
