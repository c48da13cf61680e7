//! Where in a document something stands: its bytes, and the way to it as a JSON pointer.

use std::fmt::{self, Write};

use crate::span::Span;

/// Where in a document something stands: its bytes and the way to it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// The bytes.
    pub span: Option<Span>,
    /// The way from the root.
    pub pointer: Pointer<'p>,
}

impl<'p> Place<'p> {
    /// The document itself.
    pub const DOCUMENT: Place<'static> = Place { span: None, pointer: Pointer::ROOT };

    /// These bytes, at this pointer.
    pub fn new(span: Span, pointer: Pointer<'p>) -> Self {
        Self { span: Some(span), pointer }
    }
}

/// The way from the root of a document to a part of it, kept on the stack and only written out when needed.
#[derive(Clone, Copy, Debug)]
pub struct Pointer<'p> {
    parent: Option<&'p Pointer<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Written(&'p str),
    Member(&'p str),
    Item(usize),
}

impl<'p> Pointer<'p> {
    /// The document itself.
    pub const ROOT: Pointer<'static> = Pointer { parent: None, step: Step::Root };

    /// A way that is already written out.
    pub fn written(pointer: &'p str) -> Pointer<'p> {
        Pointer { parent: None, step: Step::Written(pointer) }
    }

    /// The way as text; a very long one is cut.
    pub fn to_text(&self) -> String {
        let mut text = CutText { text: String::new() };
        // The only error is the end of the room.
        let _ = write!(text, "{self}");
        text.text
    }

    /// A member of what this points to.
    pub fn member(&'p self, name: &'p str) -> Pointer<'p> {
        Pointer { parent: Some(self), step: Step::Member(name) }
    }

    /// An item of what this points to.
    pub fn item(&'p self, at: usize) -> Pointer<'p> {
        Pointer { parent: Some(self), step: Step::Item(at) }
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            fmt::Display::fmt(parent, f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Written(pointer) => f.write_str(pointer),
            Step::Member(name) => write_member(f, name),
            Step::Item(at) => write!(f, "/{at}"),
        }
    }
}

/// Writes one name of a JSON pointer, of a long name no more than any pointer shows.
pub(crate) fn write_member_shown(out: &mut impl Write, name: &str) -> fmt::Result {
    write_member(out, beginning(name, SHOWN))
}

/// Writes one name of a JSON pointer.
pub fn write_member(out: &mut impl Write, name: &str) -> fmt::Result {
    out.write_char('/')?;
    for (at, part) in name.split(['~', '/']).enumerate() {
        if at > 0 {
            let before = part.as_ptr() as usize - name.as_ptr() as usize - 1;
            out.write_str(if name.as_bytes().get(before) == Some(&b'~') { "~0" } else { "~1" })?;
        }
        out.write_str(part)?;
    }
    Ok(())
}

/// Takes so much text and no more.
struct CutText {
    text: String,
}

impl Write for CutText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = SHOWN.saturating_sub(self.text.len());
        let shown = beginning(text, room);
        self.text.push_str(shown);
        if shown.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The whole characters among the first bytes of a text.
fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}

/// Bytes of a pointer that are shown.
const SHOWN: usize = 600;
