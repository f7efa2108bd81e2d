//! What is said in the room byte by byte, and what has to be heard.

use harness::{
    conversation::{Conversation, Exchange, Expected, Pieces},
    net::random::Stream,
};
use std::time::Duration;

type Bytes = Vec<u8>;

/// The conversations of a stage, in an order of the seed's.
pub(super) fn of(workload: &str, random: &mut Stream) -> Vec<Conversation> {
    let mut all = match workload {
        "names" => names(),
        _ => [room(), lines()].concat(),
    };
    random.shuffle(&mut all);
    all
}

/// A conversation in an empty room: the server may need a moment to see that those of the one before have left.
fn about(about: &str, exchanges: impl IntoIterator<Item = Exchange>) -> Conversation {
    let mut exchanges: Vec<Exchange> = exchanges.into_iter().collect();
    if let Some(first) = exchanges.first_mut() {
        first.pause = Duration::from_millis(200);
    }
    Conversation { about: about.into(), exchanges }
}

/// What a connection is sent first: the server asks for a name, in its own words.
fn prompt(connection: usize) -> Exchange {
    Exchange::new(Bytes::new(), Expected::line(Bytes::new())).on(connection)
}

/// A name is said, and this list of names is heard.
fn join(connection: usize, name: &str, list: &[&str]) -> [Exchange; 2] {
    let say = Exchange::new(format!("{name}\n"), line_with(list)).on(connection);
    [prompt(connection), say]
}

/// A line of the server's with these names.
fn line_with(names: &[&str]) -> Expected<Bytes> {
    Expected::line(*b"*").with_words(names.iter().map(|name| name.as_bytes().to_vec()))
}

fn say(connection: usize, text: &str) -> Exchange {
    Exchange::new(format!("{text}\n"), Expected::silence()).on(connection)
}

fn hear(connection: usize, text: impl Into<Bytes>) -> Exchange {
    Exchange::new(Bytes::new(), Expected::exactly(text.into())).on(connection)
}

fn notice(connection: usize, name: &str) -> Exchange {
    Exchange::new(Bytes::new(), line_with(&[name])).on(connection)
}

fn silence(connection: usize) -> Exchange {
    Exchange::new(Bytes::new(), Expected::silence()).on(connection)
}

/// Two members who know of each other, of connections 0 and 1.
fn two(one: &str, other: &str) -> Vec<Exchange> {
    [join(0, one, &[]).to_vec(), join(1, other, &[one]).to_vec(), vec![notice(0, other)]].concat()
}

fn room() -> Vec<Conversation> {
    vec![
        about("asks who comes for a name, and then says who is there", join(0, "alone", &[])),
        about(
            "tells who comes the names of all who are there, and those that somebody came",
            [two("ann", "bob"), join(2, "cy", &["ann", "bob"]).to_vec(), vec![notice(0, "cy"), notice(1, "cy")]]
                .concat(),
        ),
        about(
            "passes on what one says to the other, and not back",
            [two("dan", "eve"), vec![say(0, "hello, eve"), hear(1, *b"[dan] hello, eve\n")]]
                .concat()
                .into_iter()
                .chain([say(1, "hello, dan"), hear(0, *b"[eve] hello, dan\n"), silence(1)]),
        ),
        about(
            "tells nothing to who has not said a name",
            [
                two("fay", "gil"),
                vec![prompt(2), say(0, "are you there?"), hear(1, *b"[fay] are you there?\n"), silence(2)],
            ]
            .concat(),
        ),
        about(
            "tells those who are there when somebody leaves",
            [two("hal", "ida"), join(2, "jon", &["hal", "ida"]).to_vec(), vec![notice(0, "jon"), notice(1, "jon")]]
                .concat()
                .into_iter()
                .chain([Exchange::hang_up().on(1), notice(0, "ida"), notice(2, "ida")])
                .chain([say(0, "alone?"), hear(2, *b"[hal] alone?\n")]),
        ),
        about(
            "tells nobody of who leaves without having said a name",
            [two("kim", "leo"), vec![prompt(2), Exchange::hang_up().on(2), silence(0), silence(1)]].concat(),
        ),
        about(
            "does not name who has left to who comes then",
            [two("mia", "ned"), vec![Exchange::hang_up().on(1), notice(0, "ned")], join(2, "ola", &["mia"]).to_vec()]
                .concat()
                .into_iter()
                .chain([notice(0, "ola"), Exchange::hang_up().on(2), notice(0, "ola")]),
        ),
        about(
            "takes somebody back who has left",
            [
                two("pia", "quin"),
                vec![Exchange::hang_up().on(1), notice(0, "quin")],
                join(2, "quin", &["pia"]).to_vec(),
            ]
            .concat()
            .into_iter()
            .chain([
                notice(0, "quin"),
                Exchange::new(*b"back\n", Expected::silence()).on(2),
                hear(0, *b"[quin] back\n"),
            ])
            .chain([Exchange::hang_up().on(2), notice(0, "quin")]),
        ),
    ]
}

fn lines() -> Vec<Conversation> {
    let pieces = |name: &str, other: &str, pieces: Pieces| {
        let say = Exchange::new(*b"one\ntwo [x] * three\n", Expected::silence()).in_pieces(pieces);
        let heard = hear(1, format!("[{name}] one\n[{name}] two [x] * three\n"));
        about("takes lines as they come: in pieces, and several at once", [two(name, other), vec![say, heard]].concat())
    };
    let long = "x".repeat(4_000);
    vec![
        pieces("p1", "q1", Pieces::One),
        pieces("p2", "q2", Pieces::Two(2)),
        pieces("p3", "q3", Pieces::Two(4)),
        pieces("p4", "q4", Pieces::Two(9)),
        pieces("p5", "q5", Pieces::Bytes),
        about(
            "takes a name in pieces",
            [prompt(0), Exchange::new(*b"Pieces1\n", line_with(&[])).in_pieces(Pieces::Bytes)],
        ),
        about(
            "takes a name and what is said in one piece",
            [
                join(0, "first", &[]).to_vec(),
                vec![prompt(1), Exchange::new(*b"second\nhello\n", line_with(&["first"])).on(1)],
            ]
            .concat()
            .into_iter()
            .chain([Exchange::new(
                Bytes::new(),
                Expected::beginning(*b"*").with_words([b"second".to_vec(), b"[second] hello\n".to_vec()]),
            )]),
        ),
        about(
            "passes on 4000 letters",
            [two("long", "longer"), vec![say(0, &long), hear(1, format!("[long] {long}\n"))]].concat(),
        ),
        about(
            "passes on what was said before its member left",
            [two("brief", "lasting"), vec![say(0, "bye"), Exchange::hang_up()]].concat().into_iter().chain([
                Exchange::new(
                    Bytes::new(),
                    Expected::beginning(*b"[brief] bye\n").with_words([b"* ".to_vec(), b"brief".to_vec()]),
                )
                .on(1),
            ]),
        ),
    ]
}

fn names() -> Vec<Conversation> {
    let taken = |name: &str| about(&format!("takes the name {name}"), join(0, name, &[]));
    let refused = |what: &str, name: &[u8]| {
        let say = [name, b"\n"].concat();
        let nobody = [join(0, "watcher", &[]).to_vec(), vec![prompt(1)]].concat();
        let refusal = Exchange::new(say, Expected::one_of([]).or_end()).on(1);
        about(
            &format!("ends the connection of {what}, and tells nobody of it"),
            nobody.into_iter().chain([refusal, silence(0)]),
        )
    };
    vec![
        taken("a"),
        taken("Z9"),
        taken("007"),
        taken("SixteenLetters16"),
        refused("who says an empty name", b""),
        refused("who says a name with a space", b"two words"),
        refused("who says a name with a bracket", b"a]b"),
        refused("who says a name with a star", b"*admin"),
        refused("who says a name with a control character", b"a\x07b"),
    ]
}
