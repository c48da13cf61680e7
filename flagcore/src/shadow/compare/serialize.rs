//! Anything that serde can write as a tree, shaped as JSON would be.

use serde::ser::{self, Impossible, Serialize, Serializer};

use super::tree::{Builder, Node, Tree, TreeError, TreeLimits};

impl Tree {
    /// The tree of a value.
    ///
    /// # Errors
    ///
    /// [`TreeError`] where the value is past a limit, cannot be serialized, or has a map with lists or maps for
    /// names. A value past a limit is not walked to its end.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagcore::shadow::compare::{Tree, TreeError, TreeLimits};
    ///
    /// let small = TreeLimits { nodes: 10, ..TreeLimits::default() };
    /// assert!(Tree::of(&["a", "b"], small).is_ok());
    /// assert_eq!(Tree::of(&[0; 32], small).unwrap_err(), TreeError::TooBig);
    /// ```
    pub fn of<T: Serialize + ?Sized>(value: &T, limits: TreeLimits) -> Result<Self, TreeError> {
        let mut builder = Builder::new(limits);
        value.serialize(&mut builder)?;
        Ok(builder.finish())
    }
}

impl ser::Error for TreeError {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        TreeError::Refused
    }
}

impl<'b> Serializer for &'b mut Builder {
    type Ok = ();
    type Error = TreeError;
    type SerializeSeq = Open<'b>;
    type SerializeTuple = Open<'b>;
    type SerializeTupleStruct = Open<'b>;
    type SerializeTupleVariant = Open<'b>;
    type SerializeMap = Open<'b>;
    type SerializeStruct = Open<'b>;
    type SerializeStructVariant = Open<'b>;

    fn serialize_bool(self, value: bool) -> Result<(), TreeError> {
        self.push(Node::Bool(value)).map(drop)
    }

    fn serialize_i8(self, value: i8) -> Result<(), TreeError> {
        self.push_integer(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), TreeError> {
        self.push_integer(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), TreeError> {
        self.push_integer(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), TreeError> {
        self.push_integer(value)
    }

    /// Past 64 bits a number is kept as its digits.
    fn serialize_i128(self, value: i128) -> Result<(), TreeError> {
        match (u64::try_from(value), i64::try_from(value)) {
            (Ok(whole), _) => self.serialize_u64(whole),
            (_, Ok(integer)) => self.push_integer(integer),
            _ => self.push_text(&value.to_string()),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<(), TreeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), TreeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), TreeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), TreeError> {
        self.push(Node::Whole(value)).map(drop)
    }

    fn serialize_u128(self, value: u128) -> Result<(), TreeError> {
        match u64::try_from(value) {
            Ok(whole) => self.serialize_u64(whole),
            Err(_) => self.push_text(&value.to_string()),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), TreeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), TreeError> {
        self.push(Node::Float(value)).map(drop)
    }

    fn serialize_char(self, value: char) -> Result<(), TreeError> {
        self.push_text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), TreeError> {
        self.push_text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), TreeError> {
        self.push_bytes(value)
    }

    fn serialize_none(self) -> Result<(), TreeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), TreeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), TreeError> {
        self.push(Node::Null).map(drop)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), TreeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), TreeError> {
        self.push_text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), TreeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), TreeError> {
        let outer = self.open()?;
        self.push_text(variant)?;
        value.serialize(&mut *self)?;
        self.close_map(outer, 1);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'b>, TreeError> {
        Open::new(self, None)
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'b>, TreeError> {
        Open::new(self, None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'b>, TreeError> {
        Open::new(self, None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'b>, TreeError> {
        Open::new(self, Some(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'b>, TreeError> {
        Open::new(self, None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'b>, TreeError> {
        Open::new(self, None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'b>, TreeError> {
        Open::new(self, Some(variant))
    }
}

/// A list or a map under way.
pub(super) struct Open<'b> {
    builder: &'b mut Builder,
    /// The map of one member around a variant's contents.
    outer: Option<u32>,
    at: u32,
    len: u32,
}

impl<'b> Open<'b> {
    fn new(builder: &'b mut Builder, variant: Option<&'static str>) -> Result<Self, TreeError> {
        let outer = match variant {
            Some(variant) => {
                let outer = builder.open()?;
                builder.push_text(variant)?;
                Some(outer)
            }
            None => None,
        };
        let at = builder.open()?;
        Ok(Self { builder, outer, at, len: 0 })
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        self.len += 1;
        value.serialize(&mut *self.builder)
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), TreeError> {
        self.builder.push_text(name)?;
        self.item(value)
    }

    fn end_list(self) -> Result<(), TreeError> {
        self.builder.close_list(self.at, self.len);
        self.end_outer()
    }

    fn end_map(self) -> Result<(), TreeError> {
        self.builder.close_map(self.at, self.len);
        self.end_outer()
    }

    fn end_outer(self) -> Result<(), TreeError> {
        if let Some(outer) = self.outer {
            self.builder.close_map(outer, 1);
        }
        Ok(())
    }
}

impl ser::SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = TreeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        self.item(value)
    }

    fn end(self) -> Result<(), TreeError> {
        self.end_list()
    }
}

impl ser::SerializeTuple for Open<'_> {
    type Ok = ();
    type Error = TreeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        self.item(value)
    }

    fn end(self) -> Result<(), TreeError> {
        self.end_list()
    }
}

impl ser::SerializeTupleStruct for Open<'_> {
    type Ok = ();
    type Error = TreeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        self.item(value)
    }

    fn end(self) -> Result<(), TreeError> {
        self.end_list()
    }
}

impl ser::SerializeTupleVariant for Open<'_> {
    type Ok = ();
    type Error = TreeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        self.item(value)
    }

    fn end(self) -> Result<(), TreeError> {
        self.end_list()
    }
}

impl ser::SerializeMap for Open<'_> {
    type Ok = ();
    type Error = TreeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), TreeError> {
        name.serialize(Name(self.builder))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        self.item(value)
    }

    fn end(self) -> Result<(), TreeError> {
        self.end_map()
    }
}

impl ser::SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = TreeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TreeError> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), TreeError> {
        self.end_map()
    }
}

impl ser::SerializeStructVariant for Open<'_> {
    type Ok = ();
    type Error = TreeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TreeError> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), TreeError> {
        self.end_map()
    }
}

/// Writes the name of a member: texts as they are, numbers and booleans as their text.
struct Name<'b>(&'b mut Builder);

macro_rules! names_by_their_text {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), TreeError> {
            self.0.push_text(&value.to_string())
        })*
    };
}

impl Serializer for Name<'_> {
    type Ok = ();
    type Error = TreeError;
    type SerializeSeq = Impossible<(), TreeError>;
    type SerializeTuple = Impossible<(), TreeError>;
    type SerializeTupleStruct = Impossible<(), TreeError>;
    type SerializeTupleVariant = Impossible<(), TreeError>;
    type SerializeMap = Impossible<(), TreeError>;
    type SerializeStruct = Impossible<(), TreeError>;
    type SerializeStructVariant = Impossible<(), TreeError>;

    names_by_their_text! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char
    }

    fn serialize_str(self, value: &str) -> Result<(), TreeError> {
        self.0.push_text(value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_none(self) -> Result<(), TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), TreeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), TreeError> {
        self.0.push_text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), TreeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, TreeError> {
        Err(TreeError::Name)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, TreeError> {
        Err(TreeError::Name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;
    use crate::shadow::compare::Rules;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(u8),
        Tuple(u8, i8),
        Struct { a: f32, b: Option<char> },
    }

    #[derive(Serialize)]
    struct All {
        shapes: Vec<Shape>,
        numbers: BTreeMap<i32, u64>,
        nothing: (),
        large: i128,
        negative: i64,
        text: &'static str,
        pair: (bool, Option<u8>),
    }

    fn all() -> All {
        All {
            shapes: vec![
                Shape::Unit,
                Shape::New(7),
                Shape::Tuple(1, -1),
                Shape::Struct { a: 0.5, b: Some('x') },
            ],
            numbers: BTreeMap::from([(-1, u64::MAX), (2, 3)]),
            nothing: (),
            large: i128::from(i64::MIN),
            negative: -5,
            text: "a\"b",
            pair: (true, None),
        }
    }

    #[test]
    fn a_value_has_the_tree_of_its_json() {
        let limits = TreeLimits::default();
        let json = serde_json::to_vec(&all()).unwrap();
        let (made, read) = (Tree::of(&all(), limits).unwrap(), Tree::from_json(&json, limits).unwrap());
        assert!(made.is_written_as(&read), "{made:?} {read:?}");
        let differences = Rules::default().compare_trees(&made, &read);
        assert!(differences.is_match());
    }

    #[test]
    fn bounds_refuse_before_memory_is_taken() {
        let limits = TreeLimits::default();
        let giant = "x".repeat((4 << 20) + 1);
        assert_eq!(Tree::of(&giant, limits).unwrap_err(), TreeError::TooBig);
        // An endless answer ends at the bound.
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(std::iter::repeat(1))
            }
        }
        assert_eq!(Tree::of(&Endless, limits).unwrap_err(), TreeError::TooBig);
        struct Deep;
        impl Serialize for Deep {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq([Deep])
            }
        }
        assert_eq!(Tree::of(&Deep, limits).unwrap_err(), TreeError::TooDeep);
        let levels = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(Tree::from_json(levels(200).as_bytes(), limits).unwrap_err(), TreeError::TooDeep);
    }

    #[test]
    fn an_error_holds_nothing_of_the_answer() {
        struct Refuses;
        impl Serialize for Refuses {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom("canary"))
            }
        }
        let error = Tree::of(&Refuses, TreeLimits::default()).unwrap_err();
        assert_eq!(error, TreeError::Refused);
        let names = BTreeMap::from([(vec![1], 2)]);
        assert_eq!(Tree::of(&names, TreeLimits::default()).unwrap_err(), TreeError::Name);
    }
}
