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
    os::unix::fs::FileExt,
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

type Bytes = &'static [u8];
type Slice = EndianSlice<'static, LittleEndian>;

/// The code of a process.
pub(super) struct Image {
    unwinder: UnwinderNative<Bytes, MayAllocateDuringUnwind>,
    memory: File,
    names: Names,
}

/// What the functions of an executable are called.
struct Names {
    /// Where its code lies in memory. Symbols without a size would be those of all that lies behind.
    addresses: Range<u64>,
    /// What is added to addresses in the file.
    bias: u64,
    /// Files and lines, where it has them.
    context: Option<Context<Slice>>,
    symbols: SymbolMap<SymbolMapName<'static>>,
}

/// Code in memory, from a file.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    addresses: Range<u64>,
    offset: u64,
    path: String,
}

impl Image {
    /// That of a process whose executable was built of the submission, as far as it can be read.
    pub(super) fn of(process: i32) -> Option<Self> {
        let executable = std::fs::read_link(format!("/proc/{process}/exe")).ok()?;
        if !executable.starts_with(BUILT) {
            return None;
        }
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
        let mut unwinder = UnwinderNative::new();
        let mut names = None;
        let mut files = BTreeMap::new();
        for mapping in maps.lines().filter_map(mapping) {
            let read = || read(process, &mapping.path).ok();
            let Some(bytes) = *files.entry(mapping.path.clone()).or_insert_with(read) else { continue };
            let Ok(file) = object::File::parse(bytes) else { continue };
            let Some(bias) = bias(&file, &mapping) else { continue };
            unwinder.add_module(module(&file, bias, &mapping));
            if Path::new(&mapping.path) == executable && names.is_none() {
                names = Some(Names {
                    addresses: mapping.addresses.clone(),
                    bias,
                    context: context(&file),
                    symbols: file.symbol_map(),
                });
            }
        }
        let memory = File::open(format!("/proc/{process}/mem")).ok()?;
        Some(Self { unwinder, memory, names: names? })
    }

    /// The calls that a thread is in, the innermost first, as far as its stack can be walked.
    pub(super) fn calls(&self, thread: &Thread) -> Vec<Call> {
        let mut read = |address| {
            let mut word = [0; 8];
            self.memory.read_exact_at(&mut word, address).map(|()| u64::from_le_bytes(word)).map_err(drop)
        };
        let mut cache = CacheNative::new();
        let mut frames = self.unwinder.iter_frames(thread.program_counter, thread.registers, &mut cache, &mut read);
        let mut calls = Vec::new();
        while calls.len() < DEEPEST
            && let Ok(Some(frame)) = frames.next()
        {
            calls.extend(self.names.calls(frame.address_for_lookup()));
        }
        calls
    }
}

impl Names {
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

/// A file as the process sees it. It lives as long as this process, which is not long.
fn read(process: i32, path: &str) -> io::Result<Bytes> {
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
    Ok(bytes.leak())
}

/// What is added to addresses in a file, because of where its code lies in memory.
fn bias(file: &object::File<'static>, mapping: &Mapping) -> Option<u64> {
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
fn module(file: &object::File<'static>, bias: u64, mapping: &Mapping) -> Module<Bytes> {
    let section = |name: &str| file.section_by_name(name);
    let range = |name: &str| section(name).map(|section| section.address()..section.address() + section.size());
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
fn context(file: &object::File<'static>) -> Option<Context<Slice>> {
    let section = |id: SectionId| -> Result<Slice, gimli::Error> {
        Ok(Slice::new(file.section_by_name(id.name()).and_then(plain).unwrap_or_default(), LittleEndian))
    };
    Context::from_dwarf(Dwarf::load(section).ok()?).ok()
}

/// The bytes of a section, if they are not compressed: compilers do that only when they are told to.
fn plain(section: object::Section<'static, '_>) -> Option<Bytes> {
    let is_plain = section.compressed_file_range().ok()?.format == CompressionFormat::None;
    is_plain.then(|| section.data().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

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
