//! Ids that no two nodes, and no two lives of one node, can have in common.
//!
//! An id is the node's name, the number of this life of the node, and a counter. Nobody has to be
//! asked and no clock is read; only the number of lives is kept on disk, written once a start.

mod json;
mod node;

use json::Json;
use node::{code, Message, Node, Program};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

#[derive(Default)]
struct UniqueIds {
    life: u64,
    count: u64,
}

impl Program for UniqueIds {
    fn init(&mut self, node: &mut Node<Self>) {
        // Better no node than one that may repeat itself.
        self.life = begin_life(&node.data_dir()).expect("the number of lives must be kept");
    }

    fn handle(&mut self, node: &mut Node<Self>, message: &Message) {
        match message.kind() {
            "generate" => {
                self.count += 1;
                let id = format!("{}-{}-{}", node.id(), self.life, self.count);
                let body = Json::object([("type", "generate_ok".into()), ("id", id.into())]);
                node.reply(message, body);
            }
            _ => node.reply_error(message, code::NOT_SUPPORTED, "only generate"),
        }
    }
}

/// Counts one more start of this node. The number is on disk before any id is made of it, and it
/// is replaced in one step: killed at any moment, the file has the old number or the new one.
fn begin_life(dir: &Path) -> io::Result<u64> {
    let path = dir.join("lives");
    let last = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(io::Error::other)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let life: u64 = last + 1;
    let draft = dir.join("lives.new");
    let mut file = File::create(&draft)?;
    write!(file, "{life}")?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    Ok(life)
}

fn main() {
    node::run(UniqueIds::default());
}
