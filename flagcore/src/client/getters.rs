//! The typed questions: the same for a client, a reader and a snapshot; one for all types for a view.
//!
//! All of them cost the flag's rule, and no allocation but that of the few rules that
//! [`performance`](crate::docs::performance) lists. A client adds one `ArcSwap` load, a reader one comparison; a key adds one look-up,
//! a handle an index.
//!
//! What is a number is handed out as it is. Texts, structures and values are borrowed: from the snapshot where
//! the asker lends one, or together with a guard that holds it.

use std::fmt;
use std::ops::Deref;

use crate::context::ContextRef;
use crate::detail::{Detail, FlagType};
use crate::snapshot::{FlagKey, Snapshot, View};
use crate::store::Guard;
use crate::value::{Structure, Value};

use super::{Client, Reader};

/// The typed getters of something that has a snapshot.
macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident, $detail:ident, $type:ty, $default:ty, $plain:ty;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name<'d, 'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: $default) -> $plain {
            self.plain::<$type>(key, context.into(), default)
        }

        /// The same with variant, reason, error code and metadata. No allocation.
        #[inline]
        pub fn $detail<'d, 'c>(
            &self,
            key: impl FlagKey,
            context: impl Into<ContextRef<'c>>,
            default: $default,
        ) -> Detail<'d, $type, Guard> {
            self.detailed::<$type>(key, context.into(), default)
        }
    )*};
}

impl Client {
    /// Whether a boolean flag is on.
    ///
    /// False for a flag that is missing, disabled, not boolean or without a default; nothing is coerced. Never
    /// waits for a writer, never fails. Cost: see [`bool`](Self::bool).
    #[inline]
    pub fn is_enabled<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> bool {
        self.bool(key, context, false)
    }

    /// Whether a boolean flag is on, with a default of the caller's own.
    #[inline]
    pub fn is_enabled_or<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: bool,
    ) -> bool {
        self.bool(key, context, default)
    }

    /// The boolean of a flag, or the default.
    ///
    /// Cost: one `ArcSwap` load, one look-up unless by handle, the flag's rule. No allocation.
    #[inline]
    pub fn bool<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: bool) -> bool {
        self.load().quick_bool(key, context.into(), default)
    }

    /// The same with variant, reason, error code and metadata. No allocation.
    #[inline]
    pub fn bool_detail<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: bool,
    ) -> Detail<'static, bool, Guard> {
        self.detailed(key, context.into(), default)
    }

    /// The number of a flag as an integer, towards zero and saturating, or the default. No allocation.
    #[inline]
    pub fn integer<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: i64) -> i64 {
        self.load().quick_value::<i64>(key, context.into()).unwrap_or(default)
    }

    /// The same with variant, reason, error code and metadata. No allocation.
    #[inline]
    pub fn integer_detail<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: i64,
    ) -> Detail<'static, i64, Guard> {
        self.detailed(key, context.into(), default)
    }

    /// The number of a flag, or the default. No allocation.
    #[inline]
    pub fn float<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>, default: f64) -> f64 {
        self.load().quick_value::<f64>(key, context.into()).unwrap_or(default)
    }

    /// The same with variant, reason, error code and metadata. No allocation.
    #[inline]
    pub fn float_detail<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        default: f64,
    ) -> Detail<'static, f64, Guard> {
        self.detailed(key, context.into(), default)
    }

    getters! {
        /// The text of a flag, or the default. Borrowed: no allocation, no copy.
        string, string_detail, str, &'d str, Served<'d, str>;
        /// The structure of a flag, or the default. Borrowed: no allocation, no copy.
        object, object_detail, Structure<'static>, &'d Structure<'static>, Served<'d, Structure<'static>>;
        /// The value of a flag, whatever its type, or the default. Borrowed: no allocation, no copy.
        any, any_detail, Value<'static>, &'d Value<'static>, Served<'d, Value<'static>>;
    }

    #[inline]
    fn plain<'d, T: FlagType + ?Sized>(
        &self,
        key: impl FlagKey,
        context: ContextRef<'_>,
        default: T::Ref<'d>,
    ) -> Served<'d, T> {
        let guard = self.load();
        let (row, resolution) = guard.resolve_as::<T>(guard.row_of(key), context);
        let place = if resolution.trouble.is_some() { None } else { row.zip(resolution.variant) };
        Served { guard, place, default }
    }

    #[inline]
    fn detailed<'d, T: FlagType + ?Sized>(
        &self,
        key: impl FlagKey,
        context: ContextRef<'_>,
        default: T::Ref<'d>,
    ) -> Detail<'d, T, Guard> {
        let snapshot = self.load();
        let (row, resolution) = snapshot.resolve_as::<T>(snapshot.row_of(key), context);
        Detail { default, resolution, row, snapshot, selector: None }
    }
}

/// The typed getters of something that lends a snapshot for as long as it is borrowed itself.
macro_rules! lending_getters {
    ($receiver:ty) => { lending_getters! { $receiver:
        /// The boolean of a flag, or the default. No allocation.
        bool, bool_detail, bool, bool;
        /// The number of a flag as an integer, towards zero and saturating, or the default. No allocation.
        integer, integer_detail, i64, i64;
        /// The number of a flag, or the default. No allocation.
        float, float_detail, f64, f64;
        /// The text of a flag, or the default. Borrowed: no allocation, no copy.
        string, string_detail, str, &'s str;
        /// The structure of a flag, or the default. Borrowed: no allocation, no copy.
        object, object_detail, Structure<'static>, &'s Structure<'static>;
        /// The value of a flag, whatever its type, or the default. Borrowed: no allocation, no copy.
        any, any_detail, Value<'static>, &'s Value<'static>;
    } };
    ($receiver:ty: $($(#[$doc:meta])* $name:ident, $detail:ident, $type:ty, $value:ty;)*) => {
        /// Whether a boolean flag is on; false for whatever is no enabled boolean flag. No allocation.
        #[inline]
        pub fn is_enabled<'s, 'c>(self: $receiver, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> bool {
            self.lend().quick_bool(key, context.into(), false)
        }

        $(
            $(#[$doc])*
            #[inline]
            pub fn $name<'s, 'c>(
                self: $receiver,
                key: impl FlagKey,
                context: impl Into<ContextRef<'c>>,
                default: $value,
            ) -> $value {
                self.lend().quick_value::<$type>(key, context.into()).unwrap_or(default)
            }

            /// The same with variant, reason, error code and metadata. No allocation.
            #[inline]
            pub fn $detail<'s, 'c>(
                self: $receiver,
                key: impl FlagKey,
                context: impl Into<ContextRef<'c>>,
                default: $value,
            ) -> Detail<'s, $type, &'s Snapshot> {
                let snapshot = self.lend();
                let (row, resolution) = snapshot.resolve_as::<$type>(snapshot.row_of(key), context.into());
                Detail { default, resolution, row, snapshot, selector: None }
            }
        )*
    };
}

impl Reader {
    lending_getters!(&'s mut Self);

    #[inline]
    fn lend(&mut self) -> &Snapshot {
        self.cache.load()
    }
}

impl Snapshot {
    lending_getters!(&'s Self);

    #[inline]
    fn lend(&self) -> &Snapshot {
        self
    }
}

impl<'s> View<'s> {
    /// The answer for a key here, asked for as a type: `bool`, `i64`, `f64`, `str`, [`Structure`] or [`Value`].
    ///
    /// # Examples
    ///
    /// ```
    /// use flagcore::{Client, Selector};
    ///
    /// let client = Client::from_json(r#"{"metadata": {"flagSetId": "shop"}, "flags": {"a": {
    ///     "state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"
    /// }}}"#)?;
    /// let (snapshot, shop) = (client.snapshot(), Selector::flag_set("shop"));
    /// assert!(snapshot.view(&shop).detail::<bool>("a", "user-1", false).value());
    /// # Ok::<(), flagcore::Error>(())
    /// ```
    pub fn detail<T: FlagType + ?Sized>(
        &self,
        key: &str,
        context: impl Into<ContextRef<'s>>,
        default: T::Ref<'s>,
    ) -> Detail<'s, T, &'s Snapshot> {
        let snapshot = self.snapshot();
        let (row, resolution) = snapshot.resolve_as::<T>(self.row_of(key), context.into());
        Detail { default, resolution, row, snapshot, selector: Some(self.selector()) }
    }
}

/// A text, structure or value that a client gave: borrowed from a snapshot that it holds, or the caller's default.
pub struct Served<'d, T: FlagType + ?Sized> {
    guard: Guard,
    place: Option<(u32, u32)>,
    default: T::Ref<'d>,
}

impl<T: FlagType + ?Sized> Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    /// The value.
    pub fn get(&self) -> &T {
        let served = self.place.and_then(|(row, place)| self.guard.variant(row, place));
        served.and_then(|variant| T::of(&variant.value)).unwrap_or(self.default)
    }
}

impl<T: FlagType + ?Sized> Deref for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    type Target = T;

    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: FlagType + ?Sized + fmt::Debug> fmt::Debug for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.get(), f)
    }
}

impl<T: FlagType + ?Sized + fmt::Display> fmt::Display for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.get(), f)
    }
}

impl<T: FlagType + ?Sized + PartialEq> PartialEq<T> for Served<'_, T>
where
    for<'a> T: FlagType<Ref<'a> = &'a T>,
{
    fn eq(&self, other: &T) -> bool {
        self.get() == other
    }
}

impl PartialEq<&str> for Served<'_, str> {
    fn eq(&self, other: &&str) -> bool {
        self.get() == *other
    }
}
