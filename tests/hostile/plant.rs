//! Repositories that cannot lie in a repository: made byte by byte, by name.

use crate::world::Canary;
use git2::{ObjectType, Oid, Repository};
use std::{
    error::Error,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

type Done = Result<(), Box<dyn Error>>;

/// Makes what an attack's manifest names.
pub fn plant(name: &str, tree: &Path, canary: &Canary) -> Result<(), String> {
    let make: fn(&Path, &Canary) -> Done = match name {
        "commit" => |tree, _| commit_all(tree),
        "links" => links,
        "link-then-folder" => link_then_folder,
        "dot-git" => dot_git,
        "dot-dot" => dot_dot,
        "case-collision" => case_collision,
        "odd-names" => odd_names,
        "configuration" => configuration,
        "filters" => filters,
        "hooks" => hooks,
        "alternates" => alternates,
        "borrowed-git-directory" => borrowed,
        "linked-objects" => linked_objects,
        "submodule-of-a-file" => {
            |tree, canary| submodule(tree, &format!("file://{}/private", canary.folder().display()))
        }
        "submodule-of-a-command" => {
            |tree, canary| submodule(tree, &format!("ext::sh -c touch% {}/touched", canary.folder().display()))
        }
        "submodule-of-an-option" => |tree, canary| {
            submodule(tree, &format!("ssh://-oProxyCommand=touch${{IFS}}{}/touched/x", canary.folder().display()))
        },
        "many-files" => many_files,
        "deep-folders" => deep_folders,
        "large-file" => large_file,
        "many-branches" => many_branches,
        "wrong-dates" => wrong_dates,
        "folder-links" => folder_links,
        "pipes" => pipes,
        "closed-folders" => closed_folders,
        other => return Err(format!("plant.rs knows no `{other}`")),
    };
    make(tree, canary).map_err(|error| format!("planting {name}: {error}"))
}

/// An object under a name in a tree that no git would write.
enum Node<'n> {
    File(&'n [u8]),
    Link(&'n [u8]),
    Folder(Oid),
    Module(Oid),
}

fn write_tree(repository: &Repository, nodes: &[(&[u8], Node<'_>)]) -> Result<Oid, git2::Error> {
    let odb = repository.odb()?;
    let mut data = Vec::new();
    for (name, node) in nodes {
        let (mode, id) = match node {
            Node::File(text) => ("100644", odb.write(ObjectType::Blob, text)?),
            Node::Link(text) => ("120000", odb.write(ObjectType::Blob, text)?),
            Node::Folder(id) => ("40000", *id),
            Node::Module(id) => ("160000", *id),
        };
        data.extend_from_slice(mode.as_bytes());
        data.push(b' ');
        data.extend_from_slice(name);
        data.push(0);
        data.extend_from_slice(id.as_bytes());
    }
    odb.write(ObjectType::Tree, &data)
}

const WHO: &str = "Eve <eve@example.org> 1700000000 +0000";

fn commit(repository: &Repository, tree: Oid, who: &str) -> Result<Oid, git2::Error> {
    let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nsolve it\n");
    let id = repository.odb()?.write(ObjectType::Commit, text.as_bytes())?;
    repository.reference("refs/heads/main", id, true, "")?;
    repository.set_head("refs/heads/main")?;
    Ok(id)
}

/// A repository of nothing but one commit of these, and of the file that makes it run.
fn only(at: &Path, nodes: Vec<(&[u8], Node<'_>)>) -> Done {
    let repository = Repository::init(at)?;
    let mut all = nodes;
    all.push((b"zz-node", Node::File(b"exit 0\n")));
    let tree = write_tree(&repository, &all)?;
    commit(&repository, tree, WHO)?;
    Ok(())
}

/// Commits what lies in a folder.
fn commit_all(at: &Path) -> Done {
    let repository = Repository::init(at)?;
    let mut index = repository.index()?;
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let tree = index.write_tree()?;
    commit(&repository, tree, WHO)?;
    Ok(())
}

fn links(at: &Path, canary: &Canary) -> Done {
    let file = canary.file();
    let absolute = file.to_string_lossy();
    let climbing = format!("../../../../../../../../../..{absolute}");
    only(
        at,
        vec![
            (b"absolute", Node::Link(absolute.as_bytes())),
            (b"climbing", Node::Link(climbing.as_bytes())),
            (b"proc", Node::Link(b"/proc/self/root/etc/passwd")),
        ],
    )
}

fn link_then_folder(at: &Path, canary: &Canary) -> Done {
    let repository = Repository::init(at)?;
    let inner = write_tree(&repository, &[(b"canary", Node::File(b"owned"))])?;
    let folder = canary.folder().to_string_lossy();
    only(at, vec![(b"a", Node::Link(folder.as_bytes())), (b"a", Node::Folder(inner))])
}

fn dot_git(at: &Path, canary: &Canary) -> Done {
    let repository = Repository::init(at)?;
    let script = format!("#!/bin/sh\necho owned > {}\n", canary.file().display());
    let hooks = write_tree(&repository, &[(b"post-checkout", Node::File(script.as_bytes()))])?;
    let inner = write_tree(&repository, &[(b"hooks", Node::Folder(hooks))])?;
    let names: [&[u8]; 5] = [b".git", b".GIT", b"git~1", b".git ", ".g\u{200c}it".as_bytes()];
    only(at, names.into_iter().map(|name| (name, Node::Folder(inner))).collect())
}

fn dot_dot(at: &Path, canary: &Canary) -> Done {
    let repository = Repository::init(at)?;
    let inner = write_tree(&repository, &[(b"escaped", Node::File(b"owned"))])?;
    let path = canary.file();
    let absolute = path.to_string_lossy();
    let nodes: Vec<(&[u8], Node<'_>)> = vec![
        (b"..", Node::Folder(inner)),
        (b"../escaped", Node::File(b"owned")),
        (absolute.as_bytes(), Node::File(b"owned")),
        (b".", Node::Folder(inner)),
    ];
    only(at, nodes)
}

fn case_collision(at: &Path, canary: &Canary) -> Done {
    let folder = canary.folder().to_string_lossy();
    let repository = Repository::init(at)?;
    let inner = write_tree(&repository, &[(b"canary", Node::File(b"owned"))])?;
    only(
        at,
        vec![
            (b"A", Node::Link(folder.as_bytes())),
            (b"README", Node::File(b"1")),
            (b"a", Node::Folder(inner)),
            (b"readme", Node::File(b"2")),
        ],
    )
}

fn odd_names(at: &Path, _: &Canary) -> Done {
    let names: [&[u8]; 6] =
        [b"\x1b]0;owned\x07", b"-rf", b"a\n::error::owned", b"\xff\xfe", b"$(touch x)", "\u{202e}gnp".as_bytes()];
    only(at, names.into_iter().map(|name| (name, Node::File(b"x"))).collect())
}

/// A `.git/config` that runs programs from within most commands of git.
fn configuration(at: &Path, canary: &Canary) -> Done {
    commit_all(at)?;
    let script = at.join(".git/evil");
    fs::write(&script, format!("#!/bin/sh\necho owned > {}\n", canary.file().display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let evil = script.display();
    let text = format!(
        "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = {evil}\n\tsshCommand = {evil}\n\tpager = {evil}\n\
         \teditor = {evil}\n\tgitProxy = {evil}\n\taskPass = {evil}\n[diff]\n\texternal = {evil}\n[credential]\n\thelper = \
         {evil}\n[uploadpack]\n\tpackObjectsHook = {evil}\n[alias]\n\tstatus = !{evil}\n"
    );
    fs::write(at.join(".git/config"), text)?;
    Ok(())
}

fn filters(at: &Path, canary: &Canary) -> Done {
    fs::write(at.join(".gitattributes"), "* filter=evil diff=evil\n")?;
    commit_all(at)?;
    let evil = format!("sh -c 'echo owned > {}; cat'", canary.file().display());
    let text = format!(
        "[filter \"evil\"]\n\tclean = \"{evil}\"\n\tsmudge = \"{evil}\"\n\trequired = true\n[diff \"evil\"]\n\ttextconv = \"{evil}\"\n"
    );
    fs::write(at.join(".git/config"), format!("[core]\n\trepositoryformatversion = 0\n{text}"))?;
    Ok(())
}

fn hooks(at: &Path, canary: &Canary) -> Done {
    commit_all(at)?;
    let names = ["post-checkout", "pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman"];
    fs::create_dir_all(at.join(".git/hooks"))?;
    for name in names {
        let path = at.join(".git/hooks").join(name);
        fs::write(&path, format!("#!/bin/sh\necho owned > {}\n", canary.file().display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Somebody else's repository, whose one file is the secret. It lies beside the submission.
fn private(at: &Path) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let place = at.with_file_name("private");
    fs::create_dir_all(&place)?;
    fs::write(place.join("secret"), crate::world::SONG)?;
    fs::write(place.join("zz-node"), "exit 0\n")?;
    commit_all(&place)?;
    Ok(place)
}

fn alternates(at: &Path, _: &Canary) -> Done {
    let place = private(at)?;
    let repository = Repository::init(at)?;
    let theirs = Repository::open(&place)?.head()?.peel_to_commit()?.id();
    fs::create_dir_all(at.join(".git/objects/info"))?;
    fs::write(at.join(".git/objects/info/alternates"), format!("{}\n", place.join(".git/objects").display()))?;
    let _ = repository;
    fs::create_dir_all(at.join(".git/refs/heads"))?;
    fs::write(at.join(".git/refs/heads/main"), format!("{theirs}\n"))?;
    fs::write(at.join(".git/HEAD"), "ref: refs/heads/main\n")?;
    Ok(())
}

fn borrowed(at: &Path, _: &Canary) -> Done {
    let place = private(at)?;
    fs::write(at.join(".git"), format!("gitdir: {}\n", place.join(".git").display()))?;
    Ok(())
}

fn linked_objects(at: &Path, canary: &Canary) -> Done {
    alternates(at, canary)?;
    fs::remove_dir_all(at.join(".git/objects"))?;
    symlink(at.with_file_name("private").join(".git/objects"), at.join(".git/objects"))?;
    Ok(())
}

fn submodule(at: &Path, url: &str) -> Done {
    let place = private(at)?;
    let id = Repository::open(&place)?.head()?.peel_to_commit()?.id();
    let url = if url.starts_with("file:") { format!("file://{}", place.display()) } else { url.to_owned() };
    let modules = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {url}\n");
    only(at, vec![(b".gitmodules", Node::File(modules.as_bytes())), (b"lib", Node::Module(id))])
}

/// Ten folders of ten folders … of ten files: 10^8 of them, in a kilobyte.
fn many_files(at: &Path, _: &Canary) -> Done {
    let repository = Repository::init(at)?;
    let names: Vec<Vec<u8>> = (0..10).map(|number| format!("d{number}").into_bytes()).collect();
    let files: Vec<(&[u8], Node<'_>)> = names.iter().map(|name| (name.as_slice(), Node::File(b"x"))).collect();
    let mut folder = write_tree(&repository, &files)?;
    for _ in 0..7 {
        let nodes: Vec<(&[u8], Node<'_>)> = names.iter().map(|name| (name.as_slice(), Node::Folder(folder))).collect();
        folder = write_tree(&repository, &nodes)?;
    }
    commit(&repository, folder, WHO)?;
    Ok(())
}

fn deep_folders(at: &Path, _: &Canary) -> Done {
    let repository = Repository::init(at)?;
    let mut folder = write_tree(&repository, &[(b"f", Node::File(b"x"))])?;
    for _ in 0..5000 {
        folder = write_tree(&repository, &[(b"d", Node::Folder(folder))])?;
    }
    commit(&repository, folder, WHO)?;
    Ok(())
}

/// Zeroes, of which a pack holds next to nothing.
fn large_file(at: &Path, _: &Canary) -> Done {
    only(at, vec![(b"zeroes", Node::File(&vec![0; 100 << 20]))])
}

fn many_branches(at: &Path, _: &Canary) -> Done {
    commit_all(at)?;
    let id = Repository::open(at)?.head()?.peel_to_commit()?.id();
    let mut lines: Vec<String> = (0..100_000).map(|number| format!("{id} refs/heads/b{number:06}\n")).collect();
    lines.insert(0, "# pack-refs with: peeled fully-peeled sorted \n".into());
    fs::write(at.join(".git/packed-refs"), lines.concat())?;
    Ok(())
}

fn wrong_dates(at: &Path, _: &Canary) -> Done {
    let repository = Repository::init(at)?;
    let tree = write_tree(&repository, &[(b"zz-node", Node::File(b"exit 0\n"))])?;
    commit(&repository, tree, "Eve <eve@example.org> 9223372036854775807 +9999")?;
    Ok(())
}

fn folder_links(at: &Path, canary: &Canary) -> Done {
    symlink(canary.folder(), at.join("folder"))?;
    symlink(canary.file(), at.join("file"))?;
    symlink("loop", at.join("loop"))?;
    Ok(())
}

fn pipes(at: &Path, _: &Canary) -> Done {
    nix::unistd::mkfifo(&at.join("pipe"), nix::sys::stat::Mode::S_IRWXU)?;
    nix::unistd::mkfifo(&at.join("takehome.toml"), nix::sys::stat::Mode::S_IRWXU)?;
    let _bound = std::os::unix::net::UnixListener::bind(at.join("socket"))?;
    Ok(())
}

fn closed_folders(at: &Path, _: &Canary) -> Done {
    fs::create_dir(at.join("closed"))?;
    fs::write(at.join("closed/file"), "x")?;
    fs::set_permissions(at.join("closed"), fs::Permissions::from_mode(0o000))?;
    Ok(())
}
