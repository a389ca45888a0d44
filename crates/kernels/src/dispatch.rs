//! From an [`Isa`](crate::Isa) to a copy of a kernel compiled for it.

/// Calls a kernel with its one argument in the copy for `isa`, whose generics are the set's. The
/// three forms:
///
/// - `dispatch!(isa, kernel(argument: Type))` calls `kernel::<Vector>`;
/// - `dispatch!(isa, format, kernel(argument: Type), products)` calls `kernel::<Arithmetic, MR, NV>`
///   with the register block of products;
/// - `dispatch!(isa, format, kernel(argument: Type), attention)` calls it with the register block of
///   attention, which has no int8.
macro_rules! dispatch {
    ($isa:expr, $kernel:ident($argument:ident: $type:ty)) => {
        $crate::dispatch::choose!([vector] $isa, $kernel($argument: $type))
    };
    ($isa:expr, $format:expr, $kernel:ident($argument:ident: $type:ty), products) => {
        match $format {
            $crate::Format::F32 => {
                $crate::dispatch::choose!([products F32] $isa, $kernel($argument: $type))
            }
            $crate::Format::Bf16 => {
                $crate::dispatch::choose!([products Bf16] $isa, $kernel($argument: $type))
            }
            $crate::Format::Int8 => {
                $crate::dispatch::choose!([products Int8] $isa, $kernel($argument: $type))
            }
        }
    };
    ($isa:expr, $format:expr, $kernel:ident($argument:ident: $type:ty), attention) => {
        match $format {
            $crate::Format::F32 => {
                $crate::dispatch::choose!([attention F32] $isa, $kernel($argument: $type))
            }
            $crate::Format::Bf16 => {
                $crate::dispatch::choose!([attention Bf16] $isa, $kernel($argument: $type))
            }
            $crate::Format::Int8 => unreachable!("attention is in f32 or bf16"),
        }
    };
}

/// Chooses among the copies of all rows of the table.
macro_rules! choose {
    ($($call:tt)*) => {
        $crate::sets::every_set!([$crate::dispatch::copies] { $($call)* })
    };
}

/// One function per instruction set, which enables it for everything that is inlined into it.
macro_rules! copies {
    (
        { $form:tt $isa:expr, $kernel:ident($argument:ident: $type:ty) }
        $({
            $kind:ident $name:literal, if $condition:meta, features [$($feature:tt)*],
            native $native:tt, $($generics:tt)*
        })*
    ) => {
        match $isa.0 {
            $(
                #[cfg($condition)]
                $crate::isa::Kind::$kind => {
                    $(#[target_feature(enable = $feature)])*
                    unsafe fn copy($argument: $type) {
                        // SAFETY: the features are enabled; the rest is the kernel's contract.
                        unsafe {
                            $crate::dispatch::instance!($kernel $form $($generics)*)($argument);
                        }
                    }
                    // SAFETY: an `Isa` is a proof that the processor has the set; the kernel's
                    // contract is kept by the caller of the macro.
                    unsafe { copy($argument) }
                }
            )*
        }
    };
}

/// A kernel with the generics of a row of the table.
macro_rules! instance {
    ($kernel:ident [vector] $vector:ident, $($rest:tt)*) => {
        $kernel::<$crate::vector::$vector>
    };
    (
        $kernel:ident [products Int8]
        $vector:ident, $int8:ident, products [$($block:tt)*], $($rest:tt)*
    ) => {
        $kernel::<$crate::arithmetic::$int8<$crate::vector::$vector>, $($block)*>
    };
    (
        $kernel:ident [products $format:ident]
        $vector:ident, $int8:ident, products [$($block:tt)*], $($rest:tt)*
    ) => {
        $kernel::<$crate::arithmetic::$format<$crate::vector::$vector>, $($block)*>
    };
    (
        $kernel:ident [attention $format:ident]
        $vector:ident, $int8:ident, products $products:tt, attention [$($block:tt)*]
    ) => {
        $kernel::<$crate::arithmetic::$format<$crate::vector::$vector>, $($block)*>
    };
}

pub(crate) use {choose, copies, dispatch, instance};
