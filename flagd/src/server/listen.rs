//! Opens ports and unix sockets.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::error::StartError;

/// A port or a socket.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        /// Removed with the listener.
        _file: SocketFile,
    },
}

/// What can be talked over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Listener {
    /// A port on every address, of both generations of IP where the machine has both.
    pub(super) fn port(port: u16, option: &str) -> Result<Self, StartError> {
        let listen =
            |error: io::Error| StartError::Listen { at: format!("port {port} (`{option}`)"), reason: error };
        let listener = match open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            }
            listener => listener,
        };
        listener.and_then(TcpListener::from_std).map(Listener::Tcp).map_err(listen)
    }

    /// A unix socket; a file that nobody listens on any more is replaced.
    #[cfg(unix)]
    pub(super) async fn socket(path: &Path, option: &str) -> Result<Self, StartError> {
        let listen = |error: io::Error| StartError::Listen {
            at: format!("socket {} (`{option}`)", path.display()),
            reason: error,
        };
        make_room(path).await.map_err(listen)?;
        let listener = UnixListener::bind(path).map_err(listen)?;
        let file = SocketFile::new(path).map_err(listen)?;
        Ok(Listener::Unix { listener, _file: file })
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Listener::Unix { .. } => None,
        }
    }

    pub(super) fn is_socket(&self) -> bool {
        !matches!(self, Listener::Tcp(_))
    }

    /// The next connection and who it is from.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Arc<str>)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // It works without, only slower.
                let _ = stream.set_nodelay(true);
                // Those of IPv4 as people know them.
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                Ok((Box::new(stream), peer.to_string().into()))
            }
            #[cfg(unix)]
            Listener::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), "unix".into()))
            }
        }
    }
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // So that a restart need not wait for the last connections of the one before.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Peers that vanish without a word are noticed; connections inherit this.
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));
    let _ = socket.set_tcp_keepalive(&keepalive);
    // They are not asked while something waits for their acknowledgement: that has a time of its own, also inherited.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// How long a peer may acknowledge nothing of what it is sent, or take nothing of it.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4_096;

/// Removes a socket that nobody listens on; says why where there is something else.
#[cfg(unix)]
async fn make_room(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    let asked = tokio::time::timeout(Duration::from_secs(1), tokio::net::UnixStream::connect(path)).await;
    match asked {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens on it")),
    }
}

/// The file of a unix socket, removed at the end if it is still the same.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

#[cfg(unix)]
impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let identity = identity(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        Ok(Self { path: path.to_owned(), identity })
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[tokio::test]
    async fn peers_that_vanish_are_noticed_whether_or_not_something_is_on_its_way() {
        let Listener::Tcp(listener) = Listener::port(0, "--port").unwrap() else { panic!("no port") };
        let port = listener.local_addr().unwrap().port();
        let _peer = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = SockRef::from(&stream);
        assert!(accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(Duration::from_secs(60)));
    }
}
