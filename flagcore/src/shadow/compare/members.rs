//! Structures out, member by member, under the names that their fields have.

/// Writes a structure of named fields.
macro_rules! serialize_members {
    ($($type:ident { $($member:ident),+ $(,)? })+) => {
        $(impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct;
                let members = [$(stringify!($member)),+].len();
                let mut structure = serializer.serialize_struct(stringify!($type), members)?;
                $(structure.serialize_field(stringify!($member), &self.$member)?;)+
                structure.end()
            }
        })+
    };
}

pub(in crate::shadow) use serialize_members;
