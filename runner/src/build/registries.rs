//! Which hosts are registries, and how a client in a cell is told to use them.
//!
//! No host is named here. What this machine's own clients are configured with is asked of them; what only they know
//! is learnt: a tiny project of our own is fetched in the same kind of cell through the same proxy, which then notes
//! the hosts. The candidate has no say in either.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    BuildError, Failure, Limits, cache,
    error::{Blame, Phase},
    excerpt::excerpt,
    proxy::{Rules, Upstream},
    room::Room,
    settings,
    toolchain::{Host, Toolchain, shown},
    workspace::Scratch,
};
use crate::{
    backend::{Backend, EGRESS, Mount},
    language::recipe::{Step, Tool},
};

/// How long learnt hosts are believed. A registry that moves its downloads is out of reach for no longer than this.
const EXPIRY: Duration = Duration::from_secs(24 * 3600);

/// What a fetching cell gets.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    /// Hosts in reach.
    pub rules: Rules,
    /// Variables that name the proxy, registries and certificates.
    pub env: Vec<(String, String)>,
    /// Certificates that lie outside the system's folders.
    pub mounts: Vec<Mount>,
}

/// What the learning of hosts needs.
pub(super) struct Teacher<'a> {
    pub backend: &'a dyn Backend,
    pub host: &'a Host,
    pub toolchain: &'a Toolchain,
    pub cache: &'a Path,
    pub limits: &'a Limits,
    pub env: &'a [(String, String)],
}

/// The network for a set of tools.
pub(super) async fn network(teacher: &Teacher<'_>, tools: &[Tool], extra: &[String]) -> Result<Network, BuildError> {
    let mut network = Network { env: proxied(), ..Network::default() };
    network.env.extend(trusted());
    if tools.contains(&Tool::Rust) {
        network.env.extend(settings::cargo_env());
    }
    network.mounts = certificates(&network.env);
    network.rules.upstream = Upstream::of_environment();
    network.rules.bytes = teacher.limits.disk;
    let mut hosts = BTreeSet::new();
    for tool in tools {
        match tool {
            Tool::Go => {
                let (found, env) = settings::go(teacher.host).await;
                network.env.extend(env);
                hosts.extend(found);
            }
            Tool::Npm => {
                let (found, env) = settings::npm(teacher.host).await;
                network.env.extend(env);
                hosts.extend(found);
            }
            Tool::Python => {
                let (found, env) = settings::pip(teacher.host).await;
                network.env.extend(env);
                hosts.extend(found);
                network.mounts = certificates(&network.env);
                hosts.extend(teacher.learn(*tool, &network).await?);
            }
            Tool::Rust | Tool::Maven => hosts.extend(teacher.learn(*tool, &network).await?),
            _ => {}
        }
    }
    network.mounts = certificates(&network.env);
    network.rules.allowed = hosts.into_iter().map(|host| (host, true)).collect();
    for host in extra {
        network.rules.allowed.entry(host.trim().to_ascii_lowercase()).or_insert(false);
    }
    Ok(network)
}

/// Variables by which the clients find the proxy. Each reads its own.
fn proxied() -> Vec<(String, String)> {
    let url = format!("http://{EGRESS}");
    let (address, port) = EGRESS.split_once(':').unwrap_or((EGRESS, "3128"));
    let java = format!(
        "-Dhttps.proxyHost={address} -Dhttps.proxyPort={port} -Dhttp.proxyHost={address} -Dhttp.proxyPort={port} \
         -Dhttp.nonProxyHosts="
    );
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "CARGO_HTTP_PROXY"];
    let names = names.into_iter().chain(["npm_config_proxy", "npm_config_https_proxy", "PIP_PROXY"]);
    let env = names.map(|name| (name.to_owned(), url.clone()));
    env.chain([("NO_PROXY".to_owned(), String::new()), ("MAVEN_OPTS".to_owned(), java)]).collect()
}

const CERTIFICATES: [&str; 10] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "NIX_SSL_CERT_FILE",
    "npm_config_cafile",
];

/// The variables by which this machine names certificates that it trusts beside, or instead of, the system's own.
fn trusted() -> Vec<(String, String)> {
    let value = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        let path = path.filter(|path| path.is_absolute() && path.exists())?;
        Some((name.to_owned(), path.to_str()?.to_owned()))
    };
    CERTIFICATES.into_iter().filter_map(value).collect()
}

/// The files and folders of certificates that variables name, as far as a cell does not see them anyway.
fn certificates(env: &[(String, String)]) -> Vec<Mount> {
    let named = env.iter().filter(|(name, _)| CERTIFICATES.contains(&name.as_str()));
    let paths: BTreeSet<&Path> = named.map(|(_, path)| Path::new(path.as_str())).collect();
    let seen = |path: &Path| {
        ["/usr", "/etc/ssl", "/etc/pki", "/etc/ca-certificates"].iter().any(|folder| path.starts_with(folder))
    };
    paths.into_iter().filter(|path| !seen(path)).map(shown).collect()
}

impl Teacher<'_> {
    /// The hosts that a client of this machine uses to fetch one small dependency.
    async fn learn(&self, tool: Tool, network: &Network) -> Result<BTreeSet<String>, BuildError> {
        let config = format!("{:?}{:?}", settings::files(tool), network.env);
        let key = cache::hash([self.toolchain.versions.join("\n").as_str(), &format!("{tool:?}"), &config]);
        let known = self.cache.join("registries").join(format!("{key}.json"));
        if let Some(hosts) = remembered(&known) {
            return Ok(hosts);
        }
        let (files, steps) = lesson(tool);
        let scratch = Scratch::new(self.cache).map_err(BuildError::io("making a work folder"))?;
        for (name, text) in files {
            let path = scratch.folders.tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(BuildError::io("making a work folder"))?;
            std::fs::write(path, text).map_err(BuildError::io("writing a work folder"))?;
        }
        settings::install(&scratch.folders.deps).map_err(BuildError::io("writing a work folder"))?;
        scratch.adopt(self.backend).map_err(BuildError::io("handing over the work folder"))?;
        let rules = Rules { learn: true, allowed: BTreeMap::new(), ..network.rules.clone() };
        let room = Room {
            backend: self.backend,
            label: "learn",
            folders: &scratch.folders,
            mounts: self.toolchain.mounts.iter().chain(&network.mounts).cloned().collect(),
            env: self.env.iter().chain(&own(tool)).chain(&network.env).cloned().collect(),
            cwd: crate::backend::WORK.to_owned(),
            limits: self.limits,
            rules: Some(rules),
            fetching: true,
        };
        let ran = room.run(&steps, &mut |_| {}).await?;
        if let Some((command, end)) = ran.failed {
            let why = ran.network.unreachable.iter().map(|(host, why)| format!("{host}: {why}")).collect::<Vec<_>>();
            let why = if why.is_empty() { vec![format!("{tool:?}: no registry can be reached")] } else { why };
            let excerpt = excerpt(&ran.log);
            let failure = Failure {
                phase: Phase::Fetch,
                command,
                end,
                excerpt,
                log: ran.log,
                blame: Blame::Environment,
                hint: None,
            };
            return Err(BuildError::Dependency {
                denied: Vec::new(),
                unreachable: why,
                failure: Some(Box::new(failure)),
            });
        }
        remember(&known, &ran.network.reached);
        Ok(ran.network.reached)
    }
}

/// A project of our own with one small dependency.
fn lesson(tool: Tool) -> (Vec<(&'static str, &'static str)>, Vec<Step>) {
    match tool {
        Tool::Rust => {
            let manifest = "[package]\nname = \"lesson\"\nedition = \"2021\"\n\n[dependencies]\nitoa = \"1\"\n";
            (vec![("Cargo.toml", manifest), ("src/lib.rs", "")], vec![Step::new(["cargo", "fetch"])])
        }
        Tool::Maven => {
            let pom = "<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId>\
                       <version>1</version><dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId>\
                       <version>4.11</version></dependency></dependencies></project>\n";
            let step = Step::new(["mvn", "-B", "-ntp", "-s", "/deps/settings.xml", "-Dmaven.repo.local=/deps/maven"]);
            (vec![("pom.xml", pom)], vec![step.arg("-DskipTests").arg("process-resources")])
        }
        _ => {
            let step = Step::new(["python3", "-m", "pip", "download", "--no-deps", "--no-input", "-d", "/out", "six"]);
            (Vec::new(), vec![step])
        }
    }
}

fn own(tool: Tool) -> Vec<(String, String)> {
    let cargo = ("CARGO_HOME".to_owned(), "/deps/cargo".to_owned());
    if tool == Tool::Rust { vec![cargo] } else { Vec::new() }
}

fn remembered(path: &Path) -> Option<BTreeSet<String>> {
    let age = path.metadata().ok()?.modified().ok()?.elapsed().ok()?;
    let text = std::fs::read_to_string(path).ok().filter(|_| age < EXPIRY)?;
    serde_json::from_str(&text).ok().filter(|hosts: &BTreeSet<String>| !hosts.is_empty())
}

/// Not being able to remember costs time, nothing else.
fn remember(path: &Path, hosts: &BTreeSet<String>) {
    let text = serde_json::to_string(hosts).unwrap_or_default();
    let _slower_next_time = path.parent().map(std::fs::create_dir_all);
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    if std::fs::write(&temporary, text).is_ok() {
        let _slower_next_time = std::fs::rename(temporary, path);
    }
}
