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
        Some(npm) => host.ask(&npm, &["config", "get", "registry", "cafile"]).await.unwrap_or_default(),
        None => String::new(),
    };
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
    let registry = value("registry").map(|url| public(url.trim())).unwrap_or_default();
    let mut hosts: BTreeSet<String> = host_of(&registry).into_iter().collect();
    hosts.extend(scopes().iter().filter_map(|(_, url)| host_of(url)));
    let mut env = env([
        ("npm_config_registry", registry.as_str()),
        ("npm_config_userconfig", "/deps/npmrc"),
        ("npm_config_cache", "/deps/npm"),
        ("npm_config_update_notifier", "false"),
    ]);
    env.extend(certificate("npm_config_cafile", value("cafile")));
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
        } else if name == "cert" {
            found.extend(certificate("PIP_CERT", Some(value.trim_matches('\''))));
        }
    }
    (hosts, found)
}

/// A variable that names a file of certificates, where there is such a file.
fn certificate(name: &str, path: Option<&str>) -> Option<(String, String)> {
    let path = path.map(str::trim).filter(|path| Path::new(path).is_absolute() && Path::new(path).exists())?;
    Some((name.to_owned(), path.to_owned()))
}

/// Cargo's settings in the environment that say where packages come from, and its own file of certificates.
pub(super) fn cargo_env() -> Vec<(String, String)> {
    let own =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut env: Vec<_> = own.filter(|(name, _)| is_of_a_registry(name)).collect();
    env.iter_mut().for_each(|(_, value)| *value = public(value));
    let config: Table = cargo().parse().unwrap_or_default();
    let cainfo = config.get("http").and_then(|http| http.get("cainfo")).and_then(Value::as_str);
    env.extend(certificate("CARGO_HTTP_CAINFO", cainfo));
    env
}

/// Whether a variable of cargo's says where packages come from; those that hold a secret, or name who gives one, do not.
fn is_of_a_registry(name: &str) -> bool {
    let public = ["_INDEX", "_PROTOCOL", "_REPLACE_WITH", "_REGISTRY"];
    let of_one = ["CARGO_REGISTRIES_", "CARGO_SOURCE_"].iter().any(|start| name.starts_with(start));
    (of_one && public.iter().any(|end| name.ends_with(end)))
        || ["CARGO_REGISTRY_DEFAULT", "CARGO_REGISTRY_INDEX", "CARGO_NET_RETRY", "CARGO_HTTP_TIMEOUT"].contains(&name)
        || ["CARGO_HTTP_MULTIPLEXING", "CARGO_HTTP_CHECK_REVOKE", "CARGO_HTTP_SSL_VERSION"].contains(&name)
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
        for name in ["CARGO_REGISTRIES_MINE_INDEX", "CARGO_SOURCE_A_B_REPLACE_WITH", "CARGO_REGISTRY_DEFAULT"] {
            assert!(is_of_a_registry(name), "{name}");
        }
        let secret = ["CARGO_REGISTRIES_MINE_TOKEN", "CARGO_REGISTRY_TOKEN", "CARGO_REGISTRIES_A_CREDENTIAL_PROVIDER"];
        for name in secret.into_iter().chain(["CARGO_HTTP_PROXY", "CARGO_HOME", "INDEX", "CARGO_BUILD_RUSTC_WRAPPER"]) {
            assert!(!is_of_a_registry(name), "{name}");
        }
        assert_eq!(host_of("https://u:p@h.test:443/x").as_deref(), Some("h.test"));
        assert_eq!(host_of("sparse+https://h.test:8443/").as_deref(), Some("h.test:8443"));
        assert_eq!(host_of("http://h.test/"), None);
        assert_eq!(public("https://u:p@h.test/a@b"), "https://h.test/a@b");
    }
}
