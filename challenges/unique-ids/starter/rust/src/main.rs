mod json;
mod node;

use json::Json;
use node::{code, Message, Node, Program};

struct UniqueIds {
    // To do: what a node must remember.
}

impl Program for UniqueIds {
    /// Called once, before the first request. After a restart too: `node.data_dir()` has what
    /// the node wrote there before it was killed.
    fn init(&mut self, _node: &mut Node<Self>) {}

    fn handle(&mut self, node: &mut Node<Self>, message: &Message) {
        match message.kind() {
            // To do: answer `generate_ok` with an `id` that no node ever gave out before.
            //
            //     let body = Json::object([("type", "generate_ok".into()), …]);
            //     node.reply(message, body);
            "generate" => node.reply_error(message, code::NOT_SUPPORTED, "generate is still to do"),
            other => {
                let text = format!("no handler for {}", Json::from(other));
                node.reply_error(message, code::NOT_SUPPORTED, &text);
            }
        }
    }
}

fn main() {
    node::run(UniqueIds {});
}
