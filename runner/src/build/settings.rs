//! This machine's own settings of package registries, without their credentials.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::toolchain::Host;
use crate::{
    backend::EGRESS,
    language::recipe::{Tool, env},
};

type Found = (BTreeSet<String>, Vec<(String, String)>);

/// Go's module proxies and checksum database.
pub(super) async fn go(host: &Host) -> Found {
    let names = ["GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE"];
    let words: Vec<&str> = ["env"].into_iter().chain(names).collect();
    let text = match host.find("go") {
        Some(go) => host.ask(&go, &words).await.unwrap_or_default(),
        None => String::new(),
    };
    let values: Vec<&str> = text.lines().collect();
    let value = |at: usize| values.get(at).copied().unwrap_or_default();
    // `direct` would let go ask any host that a module path names.
    let proxies =
        value(0).split_inclusive([',', '|']).filter(|one| !one.starts_with("direct") && !one.starts_with("off"));
    let proxies: String = proxies.map(public).collect::<String>().trim_end_matches([',', '|']).to_owned();
    let sums = value(1);
    let mut hosts: BTreeSet<String> = proxies.split([',', '|']).filter_map(host_of).collect();
    if sums != "off" {
        let database = sums.split_whitespace().last().unwrap_or_default();
        let name = database.split('+').next().unwrap_or_default();
        hosts.extend(host_of(database).or_else(|| (!name.is_empty()).then(|| name.to_owned())));
    }
    let private = [("GOPROXY", proxies.as_str()), ("GOSUMDB", sums), ("GONOSUMDB", value(2)), ("GOPRIVATE", value(3))];
    let env = env(private).into_iter().chain(env([("GONOPROXY", "none")]));
    (hosts, env.collect())
}

/// npm's registry, and those of scopes.
pub(super) async fn npm(host: &Host) -> Found {
    let text = match host.find("npm") {
        Some(npm) => host.ask(&npm, &["config", "get", "registry"]).await.unwrap_or_default(),
        None => String::new(),
    };
    let registry = text.lines().find(|line| line.starts_with("http")).map(public).unwrap_or_default();
    let mut hosts: BTreeSet<String> = host_of(&registry).into_iter().collect();
    hosts.extend(scopes().iter().filter_map(|(_, url)| host_of(url)));
    let env = env([
        ("npm_config_registry", &registry),
        ("npm_config_userconfig", "/deps/npmrc"),
        ("npm_config_cache", "/deps/npm"),
        ("npm_config_update_notifier", "false"),
    ]);
    (hosts, env)
}

fn scopes() -> Vec<(String, String)> {
    let text = home().map(|home| home.join(".npmrc")).and_then(|path| std::fs::read_to_string(path).ok());
    let text = text.unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let scopes = pairs.filter(|(name, _)| name.trim().starts_with('@') && name.trim().ends_with(":registry"));
    scopes.map(|(name, url)| (name.trim().to_owned(), public(url.trim().trim_matches('"')))).collect()
}

/// pip's indexes.
pub(super) async fn pip(host: &Host) -> Found {
    let text = match host.find("python3") {
        Some(python) => host.ask(&python, &["-m", "pip", "config", "list"]).await.unwrap_or_default(),
        None => String::new(),
    };
    let mut hosts = BTreeSet::new();
    let mut found = env([
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_NO_CACHE_DIR", "1"),
        ("PIP_ROOT_USER_ACTION", "ignore"),
    ]);
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let name = name.rsplit('.').next().unwrap_or_default();
        if name == "index-url" || name == "extra-index-url" {
            let urls: Vec<String> = value.trim_matches('\'').split_whitespace().map(public).collect();
            hosts.extend(urls.iter().filter_map(|url| host_of(url)));
            found.push((format!("PIP_{}", name.replace('-', "_").to_uppercase()), urls.join(" ")));
        }
    }
    (hosts, found)
}

/// The files that decide which hosts a client uses, as they go into a cell.
pub(super) fn files(tool: Tool) -> String {
    match tool {
        Tool::Rust => cargo(),
        Tool::Maven => maven(),
        _ => String::new(),
    }
}

/// Writes the clients' settings into the folder of dependencies.
pub(super) fn install(deps: &Path) -> std::io::Result<()> {
    let write = |name: &str, text: String| {
        let path = deps.join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, text)
    };
    write("cargo/config.toml", cargo())?;
    write("settings.xml", maven())?;
    write("npmrc", scopes().iter().map(|(name, url)| format!("{name}={url}\n")).collect())
}

/// Cargo's configuration of sources and registries, and nothing else of it.
fn cargo() -> String {
    let folder = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(home()?.join(".cargo")));
    let names = ["config.toml", "config"];
    let text = folder.and_then(|folder| names.iter().find_map(|name| std::fs::read_to_string(folder.join(name)).ok()));
    cargo_without_credentials(&text.unwrap_or_default())
}

fn cargo_without_credentials(text: &str) -> String {
    let config: Table = text.parse().unwrap_or_default();
    let known = ["source", "registries", "registry", "http", "net"];
    let harmless = [
        "registry",
        "replace-with",
        "index",
        "protocol",
        "default",
        "multiplexing",
        "check-revoke",
        "timeout",
        "cainfo",
        "ssl-version",
        "retry",
        "low-speed-limit",
        "branch",
        "tag",
        "rev",
        "git",
    ];
    fn filtered(table: &Table, keep: &[&str]) -> Table {
        let pairs = table.iter().filter_map(|(name, value)| match value {
            Value::Table(inner) => Some((name.clone(), Value::Table(filtered(inner, keep)))),
            Value::String(text) if keep.contains(&name.as_str()) => Some((name.clone(), Value::String(public(text)))),
            other => keep.contains(&name.as_str()).then(|| (name.clone(), other.clone())),
        });
        pairs.collect()
    }
    let tables = config.iter().filter(|(name, _)| known.contains(&name.as_str()));
    let kept: Table = tables
        .filter_map(|(name, value)| Some((name.clone(), Value::Table(filtered(value.as_table()?, &harmless)))))
        .collect();
    toml::to_string(&kept).unwrap_or_default()
}

/// Maven's mirrors, with the cell's proxy.
fn maven() -> String {
    let text = home().map(|home| home.join(".m2/settings.xml")).and_then(|path| std::fs::read_to_string(path).ok());
    let text = text.unwrap_or_default();
    let mirrors = text.split_once("<mirrors>").and_then(|(_, rest)| rest.split_once("</mirrors>"));
    // An address with a login in it is left out with its whole list.
    let mirrors = mirrors.map(|(inside, _)| inside).filter(|inside| !inside.contains('@')).unwrap_or_default();
    let (address, port) = EGRESS.split_once(':').unwrap_or((EGRESS, "3128"));
    let proxies: String = ["http", "https"]
        .iter()
        .map(|protocol| {
            format!(
                "<proxy><id>{protocol}</id><active>true</active><protocol>{protocol}</protocol><host>{address}</host>\
         <port>{port}</port></proxy>"
            )
        })
        .collect();
    format!("<settings><mirrors>{mirrors}</mirrors><proxies>{proxies}</proxies></settings>\n")
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// An address without the login in it.
fn public(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    format!("{scheme}://{host}{}", &rest[end..])
}

/// The host of an https address, with its port when that is another than 443.
fn host_of(url: &str) -> Option<String> {
    let rest = url.trim().split_once("https://")?.1;
    let host = rest.split(['/', '?', ',', '|']).next()?.rsplit('@').next()?.to_ascii_lowercase();
    (!host.is_empty()).then(|| host.strip_suffix(":443").unwrap_or(&host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_goes_into_a_cell() {
        let text = "[source.a]\nreplace-with='b'\n[source.b]\nregistry='sparse+https://u:p@b.test/x'\n[registries.c]\n\
                    index='https://c.test'\ntoken='secret'\ncredential-provider='x'\n[http]\nproxy='http://u:p@p'\n\
                    [build]\nrustc-wrapper='x'\n[registry]\ntoken='secret'";
        let kept = cargo_without_credentials(text);
        assert!(kept.contains("sparse+https://b.test/x") && kept.contains("c.test"), "{kept}");
        for secret in ["secret", "u:p", "wrapper", "provider", "proxy"] {
            assert!(!kept.contains(secret), "{secret} in {kept}");
        }
        assert_eq!(host_of("https://u:p@h.test:443/x").as_deref(), Some("h.test"));
        assert_eq!(host_of("sparse+https://h.test:8443/").as_deref(), Some("h.test:8443"));
        assert_eq!(host_of("http://h.test/"), None);
        assert_eq!(public("https://u:p@h.test/a@b"), "https://h.test/a@b");
    }
}
