//! Who is who. Each id picks its element out of an array of what it names.

use std::ops::{Index, IndexMut};

use crate::bounds::{EVENTS, EXECUTORS, OWNERS};

/// An id of a few, with which arrays are indexed.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident of $count:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u8);

        impl $name {
            /// Each of them.
            pub fn all() -> impl Iterator<Item = Self> {
                (0u8..).take($count).map(Self)
            }
        }

        impl<T, const N: usize> Index<$name> for [T; N] {
            type Output = T;

            fn index(&self, id: $name) -> &T {
                &self[usize::from(id.0)]
            }
        }

        impl<T, const N: usize> IndexMut<$name> for [T; N] {
            fn index_mut(&mut self, id: $name) -> &mut T {
                &mut self[usize::from(id.0)]
            }
        }
    };
}

id! {
    /// An asynchronous invocation, by its request id.
    EventId of EVENTS
}
id! {
    /// A replica of the queue service.
    OwnerId of OWNERS
}
id! {
    /// An executor.
    ExecutorId of EXECUTORS
}
