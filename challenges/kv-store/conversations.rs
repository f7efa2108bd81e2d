//! What is said to the store byte by byte, and what it has to answer.

use harness::{
    conversation::{Conversation, Exchange, Expected, Nuisance, Pieces},
    net::random::Stream,
};
use std::time::Duration;

type Bytes = Vec<u8>;

/// The conversations of a stage, in an order of the seed's.
pub(super) fn of(workload: &str, random: &mut Stream) -> Vec<Conversation> {
    let mut all = match workload {
        "protocol" => protocol(random),
        "commands" => [commands(), expiry()].concat(),
        _ => malformed(),
    };
    random.shuffle(&mut all);
    // What the last of the bad ones has done is to be seen too.
    all.extend((workload == "malformed").then(others));
    all
}

fn others() -> Conversation {
    about("serves others after what was no command", [ask("PING", exactly(*b"+PONG\r\n"))])
}

/// Clients that say much and read nothing, that stop in the middle, and that say nothing at all.
pub(super) fn nuisances() -> Vec<Nuisance> {
    let one = |first: Bytes, say: Bytes, times, clients| Nuisance { first, say, times, clients };
    let large = command(&[b"SET", b"large", &[b'x'; 256 << 10]]);
    let stopped: [&[u8]; 4] = [
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhal",
        b"*1000000\r\n$3\r\nDEL\r\n",
        b"*2\r\n$3\r\nGET\r\n$60000000\r\nx",
        b"GE",
    ];
    let stopped = stopped.map(|part| one(Vec::new(), part.to_vec(), 1, 12));
    let others = [one(large, command(&[b"GET", b"large"]).repeat(500), 8, 4), one(Vec::new(), Vec::new(), 0, 100)];
    stopped.into_iter().chain(others).collect()
}

/// A command as an array of bulk strings.
fn command(words: &[&[u8]]) -> Bytes {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    words.iter().for_each(|word| bytes.extend(bulk(word)));
    bytes
}

/// A command given in words.
fn said(text: &str) -> Bytes {
    command(&text.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

fn bulk(text: &[u8]) -> Bytes {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

fn exactly(text: impl Into<Bytes>) -> Expected<Bytes> {
    Expected::exactly(text.into())
}

fn ok() -> Expected<Bytes> {
    exactly(*b"+OK\r\n")
}

fn nil() -> Expected<Bytes> {
    exactly(*b"$-1\r\n")
}

fn integer(number: i64) -> Expected<Bytes> {
    exactly(format!(":{number}\r\n"))
}

fn value(text: &str) -> Expected<Bytes> {
    exactly(bulk(text.as_bytes()))
}

fn error() -> Expected<Bytes> {
    Expected::line(*b"-")
}

/// A command in words and what it is answered.
fn ask(text: &str, expect: Expected<Bytes>) -> Exchange {
    Exchange::new(said(text), expect)
}

fn about(about: &str, exchanges: impl IntoIterator<Item = Exchange>) -> Conversation {
    Conversation { about: about.into(), exchanges: exchanges.into_iter().collect() }
}

fn protocol(random: &mut Stream) -> Vec<Conversation> {
    let pong = || exactly(*b"+PONG\r\n");
    let every: Bytes = (0..=255).collect();
    let large = |length: usize| {
        let text = vec![b'x'; length];
        let set = Exchange::new(command(&[b"SET", b"p:large", &text]), ok());
        [set, Exchange::new(said("GET p:large"), exactly(bulk(&text))), ask("PING", pong())]
    };
    // Commands that come together, and the answers to all of them.
    let mut together = |count: u64| {
        let (mut say, mut answers) = (Vec::new(), Vec::new());
        for number in 0..count {
            let text = format!("{number}:{}", random.below(1_000_000));
            say.extend(said(&format!("SET p:together:{} {text}", number % 7)));
            say.extend(said(&format!("GET p:together:{}", number % 7)));
            answers.extend([&b"+OK\r\n"[..], &bulk(text.as_bytes())].concat());
        }
        Exchange::new(say, exactly(answers))
    };
    let few = [said("SET p:piece in-two"), said("GET p:piece"), said("ECHO \r\n"), said("PING")].concat();
    let of_few = [&b"+OK\r\n"[..], &bulk(b"in-two"), &bulk(b"\r\n"), b"+PONG\r\n"].concat();
    let piece = |pieces| Exchange::new(few.clone(), exactly(of_few.clone())).in_pieces(pieces);
    let mut all = vec![
        about("answers PING and ECHO", [ask("PING", pong()), ask("ECHO hello", value("hello"))]),
        about(
            "takes the names of commands in small and large letters",
            [ask("ping", pong()), ask("EcHo A", value("A")), ask("set p:Case A", ok()), ask("Get p:Case", value("A"))],
        ),
        about("says nil of a key that is not there", [ask("GET p:none", nil())]),
        about(
            "keeps a value until it is replaced",
            [("1", "one"), ("2", "two"), ("1", "three")].into_iter().flat_map(|(key, text)| {
                let key = format!("p:key:{key}");
                [ask(&format!("SET {key} {text}"), ok()), ask(&format!("GET {key}"), value(text))]
            }),
        ),
        about("takes commands in two pieces, wherever they are cut", (1..few.len()).map(Pieces::Two).map(piece)),
        about("takes commands byte by byte", [piece(Pieces::Bytes)]),
        about("answers commands that come together, in their order", [together(2), together(50), together(2_000)]),
        about(
            "keeps any bytes, in keys and in values",
            [
                Exchange::new(command(&[b"SET", b"p:\r\n\0$3\r\n\xff", &every]), ok()),
                Exchange::new(command(&[b"GET", b"p:\r\n\0$3\r\n\xff"]), exactly(bulk(&every))),
                Exchange::new(command(&[b"GET", b"p:"]), nil()),
                Exchange::new(command(&[b"ECHO", b"$5\r\n+OK\r\n-ERR\r\n"]), exactly(bulk(b"$5\r\n+OK\r\n-ERR\r\n"))),
            ],
        ),
        about(
            "tells an empty value from none",
            [
                Exchange::new(command(&[b"SET", b"p:empty", b""]), ok()),
                Exchange::new(said("GET p:empty"), exactly(bulk(b""))),
            ],
        ),
        about(
            "takes a command that is a line of words",
            [
                Exchange::new(*b"PING\r\n", pong()),
                Exchange::new(*b"SET p:line words\r\n", ok()),
                Exchange::new(*b"GET   p:line\r\n", value("words")),
                Exchange::new(
                    [&b"GET p:line\r\n"[..], &said("PING"), b"ECHO x\r\n"].concat(),
                    exactly([&bulk(b"words")[..], b"+PONG\r\n", &bulk(b"x")].concat()),
                ),
            ],
        ),
    ];
    all.extend(
        [64 << 10, 1 << 20, 8 << 20]
            .map(|length| about(&format!("keeps a value of {} KiB", length >> 10), large(length))),
    );
    all
}

fn commands() -> Vec<Conversation> {
    vec![
        about(
            "counts up and down",
            [
                ask("INCR c:n", integer(1)),
                ask("INCRBY c:n 41", integer(42)),
                ask("DECR c:n", integer(41)),
                ask("DECRBY c:n 50", integer(-9)),
                ask("INCRBY c:n -1", integer(-10)),
                ask("GET c:n", value("-10")),
            ],
        ),
        about(
            "counts on from a number that was set",
            [
                ask("SET c:set 9223372036854775800", ok()),
                ask("INCRBY c:set 7", integer(i64::MAX)),
                ask("GET c:set", value("9223372036854775807")),
            ],
        ),
        about(
            "does not count beyond 64 bits",
            [
                ask("SET c:most 9223372036854775807", ok()),
                ask("INCR c:most", error()),
                ask("GET c:most", value("9223372036854775807")),
                ask("SET c:least -9223372036854775808", ok()),
                ask("DECR c:least", error()),
                ask("GET c:least", value("-9223372036854775808")),
            ],
        ),
        about(
            "does not count what is no number",
            [
                ask("SET c:text ten", ok()),
                ask("INCR c:text", error()),
                ask("INCRBY c:n1 ten", error()),
                ask("GET c:text", value("ten")),
                ask("GET c:n1", nil()),
            ],
        ),
        about(
            "puts text behind a value",
            [
                ask("APPEND c:behind one", integer(3)),
                ask("APPEND c:behind two", integer(6)),
                ask("GET c:behind", value("onetwo")),
                ask("SET c:number 12", ok()),
                ask("APPEND c:number 3", integer(3)),
                ask("INCR c:number", integer(124)),
            ],
        ),
        about(
            "removes keys and says how many there were",
            [
                ask("SET c:gone 1", ok()),
                ask("DEL c:gone", integer(1)),
                ask("DEL c:gone", integer(0)),
                ask("GET c:gone", nil()),
                ask("MSET c:d1 1 c:d2 2", ok()),
                ask("DEL c:d1 c:d3 c:d2", integer(2)),
            ],
        ),
        about(
            "sets only what is not there, when it is told NX",
            [
                ask("SET c:nx first NX", ok()),
                ask("SET c:nx second NX", nil()),
                ask("GET c:nx", value("first")),
                ask("DEL c:nx", integer(1)),
                ask("SET c:nx third nx", ok()),
            ],
        ),
        about(
            "sets only what is there, when it is told XX",
            [
                ask("SET c:xx first XX", nil()),
                ask("GET c:xx", nil()),
                ask("SET c:xx second", ok()),
                ask("SET c:xx third XX", ok()),
                ask("GET c:xx", value("third")),
            ],
        ),
        about(
            "gives back what it replaces",
            [ask("GETSET c:swap one", nil()), ask("GETSET c:swap two", value("one")), ask("GET c:swap", value("two"))],
        ),
        about(
            "sets several keys at once",
            [
                ask("MSET c:m1 one c:m2 two c:m1 three", ok()),
                ask("GET c:m1", value("three")),
                ask("GET c:m2", value("two")),
                ask("MSET c:m1 four c:m2", error()),
                ask("GET c:m1", value("three")),
            ],
        ),
        about(
            "answers a command that it does not know with an error, and goes on",
            [ask("NOSUCHCOMMAND a b", error()), ask("PING", exactly(*b"+PONG\r\n"))],
        ),
        about(
            "answers too few or too many words with an error, and goes on",
            [
                ask("GET", error()),
                ask("GET a b", error()),
                ask("SET a", error()),
                ask("ECHO", error()),
                ask("INCRBY c:few", error()),
                ask("SET c:few v SIDEWAYS", error()),
                ask("SET c:few v NX XX", error()),
                ask("GET c:few", nil()),
            ],
        ),
    ]
}

fn expiry() -> Vec<Conversation> {
    let (short, ms) = (Duration::from_millis(300), Duration::from_millis);
    let wait = |text: &str, expect, time| ask(text, expect).after(ms(time));
    vec![
        about(
            "lets go of a value when its milliseconds are over",
            [
                ask("SET e:px v PX 300", ok()),
                ask("GET e:px", value("v")).expiring(0, short, nil()),
                wait("GET e:px", value("v"), 150).expiring(0, short, nil()),
                wait("GET e:px", value("v"), 250).expiring(0, short, nil()),
                ask("DEL e:px", integer(1)).expiring(0, short, integer(0)),
            ],
        ),
        about(
            "lets go of a value when its seconds are over",
            [
                ask("SET e:ex v ex 1", ok()),
                wait("GET e:ex", value("v"), 600).expiring(0, ms(1_000), nil()),
                wait("GET e:ex", value("v"), 500).expiring(0, ms(1_000), nil()),
            ],
        ),
        about(
            "keeps what is set again without a time",
            [ask("SET e:again v PX 100", ok()), ask("SET e:again w", ok()), wait("GET e:again", value("w"), 200)],
        ),
        about(
            "takes what is over for not there",
            [
                ask("SET e:over 5 PX 60", ok()),
                wait("SET e:over 7 NX", nil(), 120).expiring(0, ms(60), ok()),
                ask("GET e:over", value("7")),
                ask("SET e:count 5 PX 60", ok()),
                wait("INCR e:count", integer(6), 120).expiring(3, ms(60), integer(1)),
            ],
        ),
        about(
            "refuses a time that is none",
            [
                ask("SET e:none v PX 0", error()),
                ask("SET e:none v PX", error()),
                ask("SET e:none v EX soon", error()),
                ask("GET e:none", nil()),
            ],
        ),
    ]
}

fn malformed() -> Vec<Conversation> {
    let refused = |what: &str, say: &[u8]| {
        let about_it = format!("answers {what} with an error, or ends the connection");
        about(&about_it, [Exchange::new(say, Expected::beginning(*b"-").or_end())])
    };
    let bad = [
        refused("a number of words that is none", b"*abc\r\n"),
        refused("more words than there can be", b"*99999999999999\r\n$4\r\nPING\r\n"),
        refused("a length that is none", b"*2\r\n$4\r\nECHO\r\n$x\r\nabc\r\n"),
        refused("a negative length", b"*2\r\n$4\r\nECHO\r\n$-5\r\nabc\r\n"),
        refused("a length that no memory has", b"*2\r\n$4\r\nECHO\r\n$99999999999999\r\nabc\r\n"),
        refused("a number beyond 64 bits", b"*2\r\n$4\r\nECHO\r\n$99999999999999999999999\r\nabc\r\n"),
        refused("a word that is no bulk string", b"*1\r\n+PING\r\n"),
        refused("an array in an array", b"*1\r\n*1\r\n$4\r\nPING\r\n"),
        refused("arrays in arrays without end", &b"*1\r\n".repeat(500_000)),
        refused("a line of a MiB without an end", &vec![b'A'; 1 << 20]),
        refused("bytes that are no text", b"\xff\xfe\xfd\x01\x02\r\n"),
    ];
    let mut all: Vec<Conversation> = bad.into_iter().flat_map(|one| [one, others()]).collect();
    let large = command(&[b"SET", b"m:large", &vec![b'x'; 64 << 20]]);
    all.push(about(
        "stores a value of 64 MiB, or refuses it",
        [Exchange::new(large, ok().or(Expected::beginning(*b"-")).or_end())],
    ));
    all.push(others());
    all.push(about(
        "passes over an array of nothing, or refuses it",
        [Exchange::new(
            [&b"*0\r\n"[..], &said("PING")].concat(),
            exactly(*b"+PONG\r\n").or(Expected::beginning(*b"-")).or_end(),
        )],
    ));
    all
}
