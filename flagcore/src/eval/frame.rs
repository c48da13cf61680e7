//! The data that variables are looked up in.

use super::operand::Operand;

/// The data that variables are looked up in: the context, or an element of a list inside of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'s, 'm> {
    pub(crate) data: Data<'m>,
    pub(crate) level: u8,
    pub(crate) outer: Option<&'s Frame<'s, 'm>>,
}

impl Frame<'_, '_> {
    pub(crate) const CONTEXT: Frame<'static, 'static> = Frame { data: Data::Context, level: 0, outer: None };

    pub(super) fn at(&self, level: u8) -> &Self {
        let mut frame = self;
        while frame.level > level {
            match frame.outer {
                Some(outer) => frame = outer,
                None => break,
            }
        }
        frame
    }
}

/// One level of data.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'m> {
    Context,
    Element(Operand<'m>),
    Reduction { current: Operand<'m>, accumulator: Operand<'m>, kind: &'static str },
}
