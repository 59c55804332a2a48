//! Setters of option structs, so that options are made in one expression; knows none of them.

/// Implements a consuming setter for each field, named as the field. A field that is written
/// `name?: T` is an `Option<T>`: its setter takes a `T`, an `Option<T>` or `None`.
macro_rules! setters {
    ($options:ident { $($fields:tt)* }) => {
        /// Setters, each named as its field.
        impl $options {
            $crate::setters::setters! { @each $($fields)* }
        }
    };
    (@each $field:ident: $type:ty, $($rest:tt)*) => {
        #[doc = concat!("Sets [`", stringify!($field), "`](#structfield.", stringify!($field), ").")]
        #[must_use]
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
        $crate::setters::setters! { @each $($rest)* }
    };
    (@each $field:ident?: $type:ty, $($rest:tt)*) => {
        #[doc = concat!("Sets [`", stringify!($field), "`](#structfield.", stringify!($field), ").")]
        #[must_use]
        pub fn $field(mut self, $field: impl Into<Option<$type>>) -> Self {
            self.$field = $field.into();
            self
        }
        $crate::setters::setters! { @each $($rest)* }
    };
    (@each) => {};
}

pub(crate) use setters;
