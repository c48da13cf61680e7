//! The launches of one client: made when a flag is first asked for, kept to what the flags say.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::engine::{Follows, Launch, Shadow, ShadowEngine};
use super::policy::ShadowPolicy;
use super::report::{Recorder, ShadowReport, StoreLimits};
use crate::context::ContextRef;
use crate::snapshot::{Flag, FlagKey, Snapshot};
use crate::store::Store;

/// The launches of one client.
///
/// Callers load the table and never wait; a launch is made once, under a lock that only those take who make one, follow an
/// update, or report.
pub(crate) struct Launches {
    store: Arc<Store>,
    engine: ShadowEngine,
    /// By the slots of their flags.
    table: ArcSwap<Vec<Option<Launch>>>,
    known: Mutex<Vec<(Flag, Launch)>>,
}

impl Launches {
    pub(crate) fn new(store: Arc<Store>, engine: ShadowEngine) -> Self {
        Self { store, engine, table: ArcSwap::default(), known: Mutex::default() }
    }

    /// Begins a call.
    #[inline]
    pub(crate) fn shadow(&self, key: impl FlagKey, context: ContextRef<'_>) -> Shadow<'static> {
        let snapshot = self.store.load();
        if snapshot.shadow_policy(key).is_none() && !self.engine.is_testing() {
            return Shadow::none();
        }
        let Some(slot) = key.slot(&snapshot) else { return self.unknown(key, &snapshot, context) };
        match self.table.load().get(slot as usize) {
            Some(Some(launch)) => launch.kept_shadow(context),
            _ => self.unknown(key, &snapshot, context),
        }
    }

    /// The first call of a flag.
    #[cold]
    fn unknown(&self, key: impl FlagKey, snapshot: &Snapshot, context: ContextRef<'_>) -> Shadow<'static> {
        self.launch(&key.name(snapshot)).kept_shadow(context)
    }

    /// The launch of a flag, which need not exist yet.
    pub(crate) fn launch(&self, name: &str) -> Launch {
        let flag = self.store.flag(name);
        let mut known = self.known();
        if let Some((_, launch)) = known.iter().find(|(_, launch)| launch.name() == name) {
            return launch.clone();
        }
        // What is published from now on is followed after this, which holds the lock.
        let policy = policy(&self.store.load(), flag);
        let follows = Follows { store: Arc::clone(&self.store), flag };
        let launch = self.engine.begin(name, Some(follows), policy);
        known.push((flag, launch.clone()));
        let mut table = Vec::clone(&self.table.load());
        if let Some(slot) = usize::try_from(flag.slot).ok().filter(|slot| *slot < MOST_SLOTS) {
            table.resize(table.len().max(slot + 1), None);
            if let Some(place) = table.get_mut(slot) {
                *place = Some(launch.clone());
            }
        }
        self.table.store(Arc::new(table));
        launch
    }

    /// Keeps all launches to what the flags say now.
    pub(crate) fn follow(&self) {
        for (flag, launch) in &*self.known() {
            launch.follow_flag(policy(&self.store.load(), *flag));
        }
    }

    /// What was found of a flag.
    pub(crate) fn report(&self, name: &str) -> ShadowReport {
        let launch = self.known().iter().find(|(_, launch)| launch.name() == name).map(|it| it.1.clone());
        match launch {
            Some(launch) => launch.report(),
            None if self.store.load().shadow_policy(name).is_some() => self.launch(name).report(),
            // Nothing is kept of names that are made up.
            None => Recorder::new(name, name, StoreLimits::default(), 1).report([]),
        }
    }

    /// What was found of every flag that was launched, by name.
    pub(crate) fn reports(&self) -> Vec<ShadowReport> {
        let mut launches: Vec<Launch> = self.known().iter().map(|(_, launch)| launch.clone()).collect();
        launches.sort_by(|one, other| one.name().cmp(other.name()));
        launches.iter().map(Launch::report).collect()
    }

    fn known(&self) -> MutexGuard<'_, Vec<(Flag, Launch)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Launches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launches").finish_non_exhaustive()
    }
}

/// What a flag says of its dark launch.
fn policy(snapshot: &Snapshot, flag: Flag) -> Option<Arc<ShadowPolicy>> {
    snapshot.shadow(flag).map(|(_, shadow)| Arc::clone(&shadow.policy))
}

/// Flags beyond that are found by their names.
const MOST_SLOTS: usize = 1_000_000;
