//! What a process has of code in its memory: how its stacks are walked, and what the functions of its executable are
//! called.

use super::{
    calls::{Call, same_function},
    threads::Thread,
};
use addr2line::Context;
use framehop::{CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, Unwinder, UnwinderNative};
use gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::Mode,
};
use object::{
    CompressionFormat, Object, ObjectSection, ObjectSegment, SegmentFlags, SymbolMap, SymbolMapName, elf::PF_X,
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    ops::Range,
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Where the programs of submissions lie in a cell.
const BUILT: &str = crate::language::recipe::APP;
/// The largest file that is read.
const LARGEST: u64 = 256 << 20;
/// The smallest page; code begins at one.
const PAGE: u64 = 4096;
/// Most calls of one stack that are walked.
const DEEPEST: usize = 256;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// What a process has of files in its memory, as far as they can be read.
#[derive(Default)]
pub(super) struct Files {
    executable: String,
    mappings: Vec<Mapping>,
    bytes: BTreeMap<String, Vec<u8>>,
}

/// The code of a process.
pub(super) struct Image<'a> {
    unwinder: UnwinderNative<&'a [u8], MayAllocateDuringUnwind>,
    names: Option<Names<'a>>,
}

/// What the functions of an executable are called.
struct Names<'a> {
    /// Where its code lies in memory. Symbols without a size would be those of all that lies behind.
    addresses: Range<u64>,
    /// What is added to addresses in the file.
    bias: u64,
    /// Files and lines, where it has them.
    context: Option<Context<Slice<'a>>>,
    symbols: SymbolMap<SymbolMapName<'a>>,
}

/// Code in memory, from a file.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    addresses: Range<u64>,
    offset: u64,
    path: String,
}

impl Files {
    /// Those of a process whose executable was built of the submission.
    pub(super) fn of(process: i32) -> Option<Self> {
        let executable =
            std::fs::read_link(format!("/proc/{process}/exe")).ok()?.into_os_string().into_string().ok()?;
        if !Path::new(&executable).starts_with(BUILT) || is_takehome(process) {
            return None;
        }
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
        let mut files = Self { executable, mappings: maps.lines().filter_map(mapping).collect(), ..Self::default() };
        for Mapping { path, .. } in &files.mappings {
            if !files.bytes.contains_key(path)
                && let Ok(bytes) = read(process, path)
            {
                files.bytes.insert(path.clone(), bytes);
            }
        }
        Some(files)
    }

    /// An executable of these bytes, all of which is code that lies behind `base`.
    pub(super) fn only(bytes: Vec<u8>, base: u64) -> Self {
        let path = format!("{BUILT}/program");
        let mapping = Mapping { addresses: base..base + bytes.len() as u64, offset: 0, path: path.clone() };
        Self { executable: path.clone(), mappings: vec![mapping], bytes: BTreeMap::from([(path, bytes)]) }
    }
}

impl<'a> Image<'a> {
    /// What can be made of these files.
    pub(super) fn new(files: &'a Files) -> Self {
        let mut image = Self { unwinder: UnwinderNative::new(), names: None };
        for mapping in &files.mappings {
            let Some(bytes) = files.bytes.get(&mapping.path) else { continue };
            let Ok(file) = object::File::parse(&bytes[..]) else { continue };
            let Some(bias) = bias(&file, mapping) else { continue };
            image.unwinder.add_module(module(&file, bias, mapping));
            if mapping.path == files.executable && image.names.is_none() {
                let addresses = mapping.addresses.clone();
                image.names = Some(Names { addresses, bias, context: context(&file), symbols: file.symbol_map() });
            }
        }
        image
    }

    /// The calls that a thread is in, the innermost first, as far as its stack can be walked by what `read` tells of
    /// the memory.
    pub(super) fn calls(&self, thread: &Thread, read: impl Fn(u64) -> Option<u64>) -> Vec<Call> {
        let Some(names) = &self.names else { return Vec::new() };
        let mut cache = CacheNative::new();
        let mut read = |address| read(address).ok_or(());
        let mut frames = self.unwinder.iter_frames(thread.program_counter, thread.registers, &mut cache, &mut read);
        let mut calls = Vec::new();
        for _ in 0..DEEPEST {
            let Ok(Some(frame)) = frames.next() else { break };
            calls.extend(names.calls(frame.address_for_lookup()));
        }
        calls
    }
}

impl Names<'_> {
    /// The calls that an address is in, the innermost first: several where functions were inlined.
    fn calls(&self, address: u64) -> Vec<Call> {
        let in_file = address.wrapping_sub(self.bias);
        let symbol = self.symbols.containing(in_file).filter(|_| self.addresses.contains(&address));
        let Some(symbol) = symbol else { return Vec::new() };
        let name = symbol.name().to_owned();
        let mut calls = self.inlined(in_file);
        // What the linker has left out still has lines, as if it lay at the beginning of the file, where others lie.
        match calls.last_mut() {
            // The symbol says more: where there are just lines, names come without what they are in.
            Some(outermost) if same_function(&name, &outermost.function) => outermost.function = name,
            _ => calls = vec![Call { function: name, place: None }],
        }
        calls
    }

    /// The same by files and lines.
    fn inlined(&self, address: u64) -> Vec<Call> {
        let mut calls = Vec::new();
        if let Some(context) = &self.context
            && let Ok(mut frames) = context.find_frames(address).skip_all_loads()
        {
            while let Ok(Some(frame)) = frames.next() {
                let Some(name) = &frame.function else { continue };
                let place = frame.location.and_then(|place| Some((place.file?.to_owned(), place.line?)));
                calls.push(Call { function: name.raw_name().unwrap_or_default().into_owned(), place });
            }
        }
        calls
    }
}

/// A line of `/proc/<pid>/maps` about code that came from a file: `start-end r-xp offset 08:01 inode path`.
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let executable = fields.next()?.contains('x');
    let offset = number(fields.next()?)?;
    let path = fields.nth(2)?.trim_start();
    let addresses = number(start)?..number(end)?;
    (executable && path.starts_with('/')).then(|| Mapping { addresses, offset, path: path.to_owned() })
}

/// Whether a process is one of those that set up a cell, for which takehome's own executable is run.
fn is_takehome(process: i32) -> bool {
    let file = |process: &str| std::fs::metadata(format!("/proc/{process}/exe")).map(|file| (file.dev(), file.ino()));
    matches!((file("self"), file(&process.to_string())), (Ok(own), Ok(other)) if own == other)
}

/// A file as the process sees it.
fn read(process: i32, path: &str) -> io::Result<Vec<u8>> {
    let root = File::open(format!("/proc/{process}/root"))?;
    // A link leads to where the process would get by it; and what is no file must not be waited for.
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
        .mode(Mode::empty())
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let file = File::from(openat2(&root, path, how)?);
    let about = file.metadata()?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is added to addresses in a file, because of where its code lies in memory.
fn bias(file: &object::File<'_>, mapping: &Mapping) -> Option<u64> {
    let segment = file.segments().find(|segment| {
        let executable = matches!(segment.flags(), SegmentFlags::Elf { p_flags, .. } if p_flags & PF_X == PF_X);
        let (offset, size) = segment.file_range();
        // Whole pages are mapped, which may also hold the end of the segment before.
        executable && (offset & !(PAGE - 1)..offset.saturating_add(size)).contains(&mapping.offset)
    })?;
    let (offset, _) = segment.file_range();
    let in_memory = mapping.addresses.start.wrapping_sub(mapping.offset);
    Some(in_memory.wrapping_sub(segment.address().wrapping_sub(offset)))
}

/// What the unwinder has to know of a file.
fn module<'a>(file: &object::File<'a>, bias: u64, mapping: &Mapping) -> Module<&'a [u8]> {
    let section = |name: &str| file.section_by_name(name);
    let range = |name: &str| {
        let section = section(name)?;
        Some(section.address()..section.address().checked_add(section.size())?)
    };
    let bytes = |name: &str| section(name).and_then(|section| section.data().ok());
    let sections = ExplicitModuleSectionInfo {
        text_svma: range(".text"),
        text: bytes(".text"),
        got_svma: range(".got"),
        eh_frame_svma: range(".eh_frame"),
        eh_frame: bytes(".eh_frame"),
        eh_frame_hdr_svma: range(".eh_frame_hdr"),
        eh_frame_hdr: bytes(".eh_frame_hdr"),
        ..Default::default()
    };
    Module::new(mapping.path.clone(), mapping.addresses.clone(), bias, sections)
}

/// Files and lines of a file, where it has them.
fn context<'a>(file: &object::File<'a>) -> Option<Context<Slice<'a>>> {
    let section = |id: SectionId| -> Result<Slice<'a>, gimli::Error> {
        Ok(Slice::new(file.section_by_name(id.name()).and_then(plain).unwrap_or_default(), LittleEndian))
    };
    Context::from_dwarf(Dwarf::load(section).ok()?).ok()
}

/// The bytes of a section, if they are not compressed: compilers do that only when they are told to.
fn plain<'a>(section: object::Section<'a, '_>) -> Option<&'a [u8]> {
    let is_plain = section.compressed_file_range().ok()?.format == CompressionFormat::None;
    is_plain.then(|| section.data().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two C functions and a third that was inlined between them, compiled with lines.
    const PROGRAM: &[u8] = include_bytes!("../../../tests/fuzz/corpus/executable/c");
    /// The same without.
    const WITHOUT_LINES: &[u8] = include_bytes!("../../../tests/fuzz/corpus/executable/no-lines");

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_stack_is_walked_through_functions_that_were_inlined() {
        let walked = |bytes: &[u8]| {
            let base = 0x1000_0000;
            let files = Files::only(bytes.to_vec(), base);
            let text = object::File::parse(bytes).unwrap().section_by_name(".text").unwrap().file_range().unwrap().0;
            let code = base + text;
            let registers = framehop::UnwindRegsNative::new(code + 5, 0x7000, 0);
            let thread = Thread { waits_in: None, program_counter: code + 5, registers };
            // Where the innermost function returns to, and where that one does; the room between belongs to it.
            let stack = |address| [(0x7000, code + 0x2c), (0x7010, code + 0x44)].into_iter().find(|at| at.0 == address);
            let calls = Image::new(&files).calls(&thread, |address| Some(stack(address)?.1));
            let words = |call: Call| {
                let place = call.place.map(|(file, line)| format!(" {}:{line}", file.rsplit('/').next().unwrap()));
                call.function + &place.unwrap_or_default()
            };
            calls.into_iter().map(words).collect::<Vec<_>>()
        };
        assert_eq!(walked(PROGRAM), ["inner seed.c:2", "middle seed.c:3", "serve seed.c:4", "_start seed.c:5"]);
        assert_eq!(walked(WITHOUT_LINES), ["inner", "serve", "_start"]);
        assert_eq!(walked(&[PROGRAM, WITHOUT_LINES].concat()), walked(PROGRAM), "what is behind it is nothing");
    }

    #[test]
    fn code_from_files_is_found_among_what_is_in_memory() {
        let line = "55d0c0a02000-55d0c0a8b000 r-xp 00002000 00:1f 1234                       /app/a program";
        let expected =
            Mapping { addresses: 0x55d0_c0a0_2000..0x55d0_c0a8_b000, offset: 0x2000, path: "/app/a program".into() };
        assert_eq!(mapping(line), Some(expected));
        for other in [
            "55d0c0a02000-55d0c0a8b000 r--p 00002000 00:1f 1234   /app/kv",
            "7ffd1c5d1000-7ffd1c5d3000 r-xp 00000000 00:00 0      [vdso]",
            "7f00-7f10 rwxp 00000000 00:00 0 ",
            "",
        ] {
            assert_eq!(mapping(other), None, "{other}");
        }
    }
}
