//! Hostile text, and how to tell that it does nothing. Shared by the tests of everything that is printed.
#![allow(dead_code, reason = "each test binary uses its own part")]

use proptest::prelude::*;

/// Text that has broken some report somewhere, alone, mixed and long. It is written apart from what makes it harmless.
pub fn attack() -> impl Strategy<Value = String> {
    let known = prop::sample::select(KNOWN).prop_map(String::from);
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    let piece = prop_oneof![
        6 => known,
        1 => any::<String>(),
        1 => "[\\x00-\\x1f\\x7f-\\u{9f}\\u{200b}-\\u{200f}\\u{2028}-\\u{202e}\\u{2066}-\\u{2069}#:\\[`|<>a-z]{0,12}",
        // What is read from a program, a file or git is bytes: this is how they become text.
        1 => bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ];
    prop_oneof![
        9 => prop::collection::vec(piece, 1..5).prop_map(|all| all.concat()),
        1 => "[a-z<>&\"'`#:]{1,4}".prop_map(|text| text.repeat(2000)),
    ]
}

const KNOWN: &[&str] = &[
    // Terminals: colours, links, the clipboard, titles, the older one-byte controls, rewriting what stands there.
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[2;1H\u{1b}[2K\u{1b}[1A",
    "\u{1b}]8;;http://evil.example\u{7}link\u{1b}]8;;\u{7}",
    "\u{1b}]52;c;cm0gLXJmIH4=\u{7}",
    "\u{1b}]0;title\u{1b}\\",
    "\u{9b}2J\u{90}q\u{9c}\u{85}",
    "\u{7f}\u{8}\u{8}\rPASS",
    "line\r\nFAIL [  0.0s] (1/1) forged/line  seed 1\n",
    // HTML and SVG.
    "<script>zzmark(1)</script>",
    "zq\"zzquote' onload='zzmark(1)",
    "</pre></style></svg></title></textarea><zzmark src=http://evil.example>",
    "<!-- zzmark -->]]><![CDATA[<zzmark>]]>",
    "&lt;zzmark&gt; &#60;zzmark&#62; &amp;",
    "javascript:zzmark(1)",
    "url(http://evil.example/a.png)",
    "<img src=x onerror=zzmark()><svg/onload=zzmark()><base href=//evil.example>",
    // Markdown.
    "| a | b |\n|---|---|\n![x](http://evil.example/x.png) @zzmark",
    "`` zzmark ``` **zzmark** [zzmark](http://evil.example) ~~~ <details>",
    "\n```\n# zzmark\n",
    "\\| zzmark \\` zzmark | `",
    "````````````````````",
    "[zzmark]: http://evil.example \"t\"\n[zzmark]",
    "<http://evil.example> www.evil.example #1 $`zzmark`$",
    // Commands of CI systems.
    "::error file=a,line=1::owned",
    "\n::set-output name=x::y",
    "\u{a0}::stop-commands::z",
    "a ::set-output name=x::y ##[error]b",
    "###[command]x ##vso[task.setvariable variable=x]y ##teamcity[z]",
    "##",
    "::",
    "#",
    // Order and visibility.
    "\u{202e}dessap\u{202c}\u{2066}\u{2069}",
    "\u{200b}\u{feff}\u{e0041}\u{3164}\u{ad}\u{fe0f}",
    "\u{2028}::error::x\u{2029}",
    // What some format cannot hold.
    "\0\u{fffe}\u{ffff}\u{fdd0}\u{1fffe}",
    "\\ud800\\u0000\\u001b[2J \\x1b[2J %1b %0A",
    "=HYPERLINK(\"http://evil.example\")",
    "{\"a\":\"b\"}\n{\"seq\":0}",
    "\t",
    "none",
    "日本語 and naïve 👩\u{200d}🔬",
];

/// Whether a character does something other than show itself. Lines may end.
pub fn acts(character: char) -> bool {
    let invisible = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}');
    (character.is_control() && character != '\n') || invisible || character as u32 & 0xfffe == 0xfffe
}

/// What in a printed text could act on a terminal or in a CI system's log.
pub fn fault(text: &str) -> Option<String> {
    let acting = text.chars().find(|character| acts(*character));
    let commands = ["##[", "##vso[", "##teamcity["];
    let command = text.lines().find(|line| line.trim_start().starts_with("::"));
    let command = command.or_else(|| text.lines().find(|line| commands.iter().any(|word| line.contains(word))));
    acting.map(|character| format!("{character:?} acts")).or_else(|| command.map(|line| format!("a command: {line:?}")))
}
