mod json;
mod node;

use json::Json;
use node::{code, Message, Node, Program};

struct Broadcast {
    // To do: what a node must remember.
}

impl Program for Broadcast {
    /// Called once, before the first request. After a restart too: `node.data_dir()` has what
    /// the node wrote there before it was killed.
    fn init(&mut self, _node: &mut Node<Self>) {}

    fn handle(&mut self, node: &mut Node<Self>, message: &Message) {
        match message.kind() {
            // A proposal of whom to talk to. You may follow it or not.
            "topology" => node.reply(message, Json::object([("type", "topology_ok".into())])),
            // To do: keep `message.body["message"]` and answer `broadcast_ok`. From then on it
            // must reach every node, whatever happens to this one.
            "broadcast" => {
                node.reply_error(message, code::NOT_SUPPORTED, "broadcast is still to do")
            }
            // To do: answer `read_ok` with all `messages` that this node knows, each once.
            "read" => node.reply_error(message, code::NOT_SUPPORTED, "read is still to do"),
            // Add types of your own for what the nodes tell each other: `node.send` and
            // `node.rpc`. For what is to happen later there is `node.set_timer`.
            other => {
                let text = format!("no handler for {}", Json::from(other));
                node.reply_error(message, code::NOT_SUPPORTED, &text);
            }
        }
    }
}

fn main() {
    node::run(Broadcast {});
}
