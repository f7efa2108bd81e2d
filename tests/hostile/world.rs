//! What attacks are after: a canary, services and sockets of this machine, and a user who may be sacrificed.

use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixListener},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};
use tempfile::TempDir;

/// What the canary says, and nobody may read or change.
pub const SONG: &str = "the canary sings";
/// A variable of this process that no program of a candidate may see.
pub const SECRET: &str = "TAKEHOME_HOSTILE_SECRET";
/// The first of the users that are sacrificed, above all ranges that systemd gives to anybody.
const FIRST_USER: u32 = 1_900_000_000;
/// How many a process has. Each is used once, and everything that runs as one of them may be killed.
const USERS: u32 = 1000;

/// One for all attacks of a process.
pub struct World {
    root: TempDir,
    tcp: u16,
    tcp6: u16,
    udp: u16,
    tag: String,
    probe: PathBuf,
    helper: PathBuf,
}

/// The world; made when it is first needed.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

/// Ends what still runs of the probes, and removes what the world has left on disk; to be called once, at the end.
///
/// Where nothing keeps signals inside, as in the weakest sandboxes, an attack may have killed those who would have ended
/// another; it would hold a lock, for example, and the next run would take that for an attack of its own.
pub fn end() {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let pid = entry.file_name().to_string_lossy().parse();
        if let (Ok(pid), true) = (pid, program == world().probe().as_os_str().as_encoded_bytes()) {
            let _gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
    let _left = fs::remove_dir_all(world().root.path());
}

/// A user who owns nothing on this machine; none when we are no root, and have to do with ourselves.
pub fn sacrificed_user() -> Option<u32> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let ours = FIRST_USER + std::process::id() % 200_000 * USERS;
    nix::unistd::geteuid().is_root().then(|| ours + NEXT.fetch_add(1, Ordering::Relaxed) % USERS)
}

/// A program as a sacrificed user, with no more rights than anybody has.
pub fn as_user(user: Option<u32>, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some(id) = user {
        // The groups and the capabilities of root go with the user.
        command.uid(id).gid(id);
    }
    command
}

impl World {
    fn new() -> Self {
        // Not in `/tmp`, which even the simplest sandboxes cover.
        let mut builder = tempfile::Builder::new();
        builder.prefix("takehome-hostile-").permissions(fs::Permissions::from_mode(0o755));
        let root = builder.tempdir_in("/var/tmp").expect("a folder in /var/tmp");
        let tag = format!("hostile-{}", std::process::id());
        let listener = |address: &str| TcpListener::bind(address).map(serve_tcp).unwrap_or_default();
        let (tcp, tcp6) = (listener("127.0.0.1:0"), listener("[::1]:0"));
        let udp = serve_udp(UdpSocket::bind("127.0.0.1:0").expect("a datagram socket"));
        let abstract_name = SocketAddr::from_abstract_name(&tag).expect("a name");
        serve_unix(UnixListener::bind_addr(&abstract_name).expect("an abstract socket"));
        let socket = root.path().join("socket");
        serve_unix(UnixListener::bind(&socket).expect("a socket"));
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("permissions");
        let probe = compile(root.path());
        let helper = root.path().join("takehome");
        fs::copy(tests::takehome(), &helper).expect("a copy of takehome");
        let world = Self { root, tcp, tcp6, udp, tag, probe, helper };
        leak_a_descriptor();
        world
    }

    /// The program of the probes.
    pub fn probe(&self) -> &Path {
        &self.probe
    }

    /// A `takehome` that every user may execute.
    pub fn helper(&self) -> &Path {
        &self.helper
    }

    /// A fresh folder that belongs to a user, for one attack.
    pub fn folder(&self, user: Option<u32>) -> TempDir {
        let folder = tempfile::Builder::new().prefix("scratch-").tempdir_in(self.root.path()).expect("a folder");
        if let Some(id) = user {
            std::os::unix::fs::chown(folder.path(), Some(id), Some(id)).expect("a folder of theirs");
        }
        folder
    }

    /// The words of an attack with everything named that it is after.
    pub fn fill(&self, words: &[String], canary: &Canary, work: &str) -> Vec<String> {
        words.iter().map(|word| self.fill_one(word, canary, work)).collect()
    }

    /// The same for one text.
    pub fn fill_one(&self, text: &str, canary: &Canary, work: &str) -> String {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let values = json!({
            "canary": canary.file(), "folder": canary.folder(), "root": self.root.path(),
            "port": self.tcp.to_string(), "port6": self.tcp6.to_string(), "udp": self.udp.to_string(),
            "abstract": self.tag, "socket": self.root.path().join("socket"), "host": host.trim(), "work": work,
            "tag": canary.tag(), "number": canary.number().to_string(), "secret": SECRET,
        });
        let values = values.as_object().into_iter().flatten();
        values.fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
        })
    }
}

/// A file that anybody could read and change, were it not for the sandbox; one for each run of an attack.
pub struct Canary {
    folder: TempDir,
    number: u32,
}

impl Canary {
    /// A fresh one.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::Builder::new().prefix("hidden-").tempdir_in(world().root.path()).expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
        fs::write(folder.path().join("canary"), SONG).expect("a canary");
        fs::set_permissions(folder.path().join("canary"), fs::Permissions::from_mode(0o666)).expect("permissions");
        Self { folder, number: NUMBER.fetch_add(1, Ordering::Relaxed) }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("canary")
    }

    /// A number that no other process of this machine uses, which also is a length of time in seconds.
    pub fn number(&self) -> u64 {
        1_000_000_000 + u64::from(std::process::id() % 1_000_000) * 1000 + u64::from(self.number)
    }

    /// A name of its own.
    pub fn tag(&self) -> String {
        format!("hostile-{}", self.number())
    }

    /// What has been done to it.
    pub fn harm(&self) -> Option<String> {
        let names: Vec<_> =
            fs::read_dir(self.folder()).into_iter().flatten().flatten().map(|e| e.file_name()).collect();
        if names != ["canary"] {
            return Some(format!("its folder holds {names:?}"));
        }
        let data = fs::symlink_metadata(self.file()).ok()?;
        if !data.is_file() || data.permissions().mode() & 0o7777 != 0o666 {
            return Some(format!("it is now {data:?}"));
        }
        let text = fs::read_to_string(self.file()).unwrap_or_default();
        (text != SONG).then(|| format!("it sings {text:?}"))
    }
}

fn serve_tcp(listener: TcpListener) -> u16 {
    let port = listener.local_addr().map(|address| address.port()).unwrap_or_default();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _gone = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhost service\n");
        }
    });
    port
}

fn serve_udp(socket: UdpSocket) -> u16 {
    let port = socket.local_addr().map(|address| address.port()).unwrap_or_default();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _gone = socket.send_to(&buffer[..length], from);
        }
    });
    port
}

fn serve_unix(listener: UnixListener) {
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _gone = stream.read(&mut [0; 1]);
        }
    });
}

/// Compiles the probes into a folder.
fn compile(folder: &Path) -> PathBuf {
    let sources = tests::workspace().join("tests/hostile/probe");
    let files = fs::read_dir(&sources).expect("the probes").flatten().map(|entry| entry.path());
    let files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "c")).collect();
    let program = folder.join("probe");
    let status =
        Command::new("cc").arg("-O1").arg("-o").arg(&program).args(files).arg("-lpthread").arg("-lrt").status();
    assert!(status.expect("a C compiler, cc").success(), "the probes do not compile");
    program
}

/// One descriptor that programs of ours inherit, as a careless library would leave it.
fn leak_a_descriptor() {
    let file = fs::File::open("/dev/null").expect("/dev/null");
    let flags = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty());
    nix::fcntl::fcntl(&file, flags).expect("a descriptor that is inherited");
    std::mem::forget(file);
}
