//! Lets the test program itself be the spawner: [`super::super::Options::program`] can be the current executable in every test of this
//! crate. The test harness starts threads and would read our arguments as a filter, so we step in before it.
#![expect(unsafe_code, reason = "a constructor is a static in a linker section")]

use std::ffi::{CStr, c_char, c_int};
use std::process::{ExitCode, Termination};

#[used]
// SAFETY: functions in this section are called once with `main`'s arguments, before it, on the only thread.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn(c_int, *const *const c_char) = before_main;

extern "C" fn before_main(count: c_int, arguments: *const *const c_char) {
    // SAFETY: `arguments` has `count` C strings.
    let second = (count > 2).then(|| unsafe { CStr::from_ptr(*arguments.add(1)) });
    if second == Some(c"sandbox-spawner") {
        let code: ExitCode = super::super::spawner::main(3);
        std::process::exit(i32::from(code.report() != ExitCode::SUCCESS.report()));
    }
}
