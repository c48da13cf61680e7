//! Values, members and details as C sees them.

use flagcore::Value;

use crate::boundary::{Failure, Outcome, room};
use crate::shown::Shown;
use crate::status::{Status, Type};
use crate::text::Text;

/// A value; what its type says is set, everything else is zero.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CValue {
    /// A [`Type`].
    pub kind: i32,
    /// A boolean.
    pub boolean: bool,
    /// A number towards zero, and saturating.
    pub integer: i64,
    /// A number.
    pub number: f64,
    /// A text; of an object or list its JSON.
    pub text: Text,
}

impl CValue {
    /// No value.
    pub const NONE: CValue =
        CValue { kind: Type::Any as i32, boolean: false, integer: 0, number: 0.0, text: Text::NONE };

    pub(crate) fn boolean(value: bool) -> Self {
        CValue { kind: Type::Boolean as i32, boolean: value, ..Self::NONE }
    }

    pub(crate) fn number(kind: Type, value: f64) -> Self {
        CValue { kind: kind as i32, integer: value as i64, number: value, ..Self::NONE }
    }

    pub(crate) fn text(kind: Type, text: Text) -> Self {
        CValue { kind: kind as i32, text, ..Self::NONE }
    }

    /// Whatever a value is.
    pub(crate) fn of(value: &Value<'_>, shown: &mut Shown) -> Self {
        match value {
            Value::Null => Self::NONE,
            Value::Bool(value) => Self::boolean(*value),
            Value::Number(value) if is_whole(*value) => Self::number(Type::Integer, *value),
            Value::Number(value) => Self::number(Type::Float, *value),
            Value::String(text) => Self::text(Type::String, Text::of(text)),
            Value::List(_) => Self::text(Type::List, shown.json(value, value)),
            Value::Structure(structure) => Self::text(Type::Object, shown.json(structure, structure)),
        }
    }
}

/// Whether a number is one that every language has as an integer.
fn is_whole(number: f64) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.fract() == 0.0 && number.abs() <= EXACT
}

/// A named value.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Member {
    /// The name.
    pub name: Text,
    /// The value.
    pub value: CValue,
}

/// The answer of one evaluation.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CDetail {
    /// Its size, as the caller knows it.
    pub struct_size: usize,
    /// The value; none where the caller's own default is to be taken.
    pub value: CValue,
    /// The variant's name.
    pub variant: Text,
    /// A [`ReasonNumber`](crate::status::ReasonNumber).
    pub reason: i32,
    /// An [`ErrorCodeNumber`](crate::status::ErrorCodeNumber).
    pub error_code: i32,
    /// [`Mark`](crate::status::Mark)s.
    pub marks: u32,
    /// Zero.
    pub reserved: u32,
    /// Facts about the flag and its set, sorted by name.
    pub metadata: *const Member,
    /// How many there are.
    pub metadata_count: usize,
    /// Why there is no answer, for people.
    pub error_message: Text,
    /// The revision of the snapshot that answered.
    pub revision: u64,
}

/// A structure that begins with its size, and may grow at its end.
///
/// # Safety
///
/// It is `repr(C)`, and its first field is a `usize`.
pub(crate) unsafe trait Growing: Copy {
    /// Its size in the first ABI that had it: what a caller with an old header has room for. A structure that grows keeps
    /// the number that stands here.
    const LEAST: usize = size_of::<Self>();
}

// SAFETY: see the type.
unsafe impl Growing for CDetail {}

/// Checks room for such a structure, and that the caller has said how much there is.
///
/// # Safety
///
/// If it is neither NULL nor unaligned, its first field is initialised.
#[inline(always)]
pub(crate) unsafe fn sized_room<T: Growing>(out: *mut T, name: &'static str) -> Outcome<*mut T> {
    let out = room(out, name)?;
    // SAFETY: the first field is the size, and the caller has set it.
    let size = unsafe { out.cast::<usize>().read() };
    if (T::LEAST..=size_of::<T>()).contains(&size) {
        Ok(out)
    } else {
        Err(Failure::new(Status::StructSize, name))
    }
}

/// Writes such a structure, as much of it as an older caller has room for.
///
/// # Safety
///
/// [`sized_room`] gave it, and so much room is there.
#[inline(always)]
pub(crate) unsafe fn give_sized<T: Growing>(out: *mut T, value: T) {
    // SAFETY: the caller says so; the size was read from there before.
    unsafe {
        let size = out.cast::<usize>().read();
        if size == size_of::<T>() {
            out.write(value);
        } else {
            std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), out.cast::<u8>(), size);
        }
        out.cast::<usize>().write(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    #[repr(C)]
    struct Grown {
        struct_size: usize,
        old: u64,
        new: u64,
    }

    // SAFETY: see the type.
    unsafe impl Growing for Grown {
        const LEAST: usize = 16;
    }

    #[test]
    fn a_structure_that_grew_fits_who_knows_it_smaller() {
        let answer = Grown { struct_size: 0, old: 7, new: 8 };
        for (size, new) in [(16, 99), (24, 8)] {
            let mut room = Grown { struct_size: size, old: 0, new: 99 };
            // SAFETY: it is there, and its size is set.
            unsafe { give_sized(sized_room(&raw mut room, "out").unwrap(), answer) };
            assert_eq!(room, Grown { struct_size: size, old: 7, new });
        }
        for size in [0, 8, 15, 25, 4_096, usize::MAX] {
            let mut room = Grown { struct_size: size, old: 0, new: 99 };
            // SAFETY: see above.
            let refused = unsafe { sized_room(&raw mut room, "out") }.unwrap_err();
            assert_eq!(refused.status, Status::StructSize, "{size}");
        }
    }
}
