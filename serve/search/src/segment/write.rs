//! Writes a segment's file: sections one after the other, and last the page that makes them a segment.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::layout::{Description, PAGE, Section};

/// A segment's file while it is written; without its first page it is nothing.
pub(super) struct Writer {
    file: BufWriter<File>,
    at: usize,
    checksum: crc32fast::Hasher,
    start: usize,
}

impl Writer {
    /// Makes the file anew.
    pub(super) fn create(path: &Path) -> std::io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        file.write_all(&[0; PAGE])?;
        Ok(Self { file, at: PAGE, checksum: crc32fast::Hasher::new(), start: PAGE })
    }

    /// Appends to the section under way.
    pub(super) fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.checksum.update(bytes);
        self.at += bytes.len();
        self.file.write_all(bytes)
    }

    /// Writes a section of a row a node, in this order of the nodes.
    pub(super) fn rows<'a>(
        &mut self,
        section: Section,
        order: &[u32],
        description: &mut Description,
        row: impl Fn(usize) -> &'a [u8],
    ) -> std::io::Result<()> {
        order.iter().try_for_each(|&node| self.append(row(node as usize)))?;
        self.end(section, description)
    }

    /// Ends the section under way and notes where it lies.
    pub(super) fn end(&mut self, section: Section, description: &mut Description) -> std::io::Result<()> {
        let span = &mut description.sections[section as usize];
        (span.start, span.bytes) = (self.start, self.at - self.start);
        span.checksum = std::mem::take(&mut self.checksum).finalize();
        self.start = self.at.next_multiple_of(64);
        // The last section ends the file, so that a missing byte is missed.
        if !matches!(section, Section::Nodes) {
            self.file.write_all(&[0; 64][..self.start - self.at])?;
            self.at = self.start;
        }
        Ok(())
    }

    /// Writes the first page, and returns once everything is on disk.
    pub(super) fn finish(mut self, description: &Description) -> std::io::Result<()> {
        let page = description.to_page().ok_or_else(|| std::io::Error::other("a description is too long"))?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&page)?;
        self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    }
}
