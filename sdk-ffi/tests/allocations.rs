//! The way of an evaluation through the library allocates nothing, nor does building a context that was built before.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{c_char, c_void};
use std::ptr;

use flagcore_ffi::client::*;
use flagcore_ffi::context::*;
use flagcore_ffi::handle::Handle;
use flagcore_ffi::launch::*;
use flagcore_ffi::options::*;
use flagcore_ffi::reader::*;
use flagcore_ffi::resolution::*;
use flagcore_ffi::results::*;
use flagcore_ffi::status::{FormatNumber, Status, Type};
use flagcore_ffi::text::Text;
use flagcore_ffi::ticket::flagcore_ticket_free;
use flagcore_ffi::value::{CDetail, CValue};

/// The system's allocator, which counts what a thread asks it for.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps to the contract of this.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of this.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FLAGS: &str = r#"{"metadata": {"owner": "us"}, "flags": {
    "static": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"},
    "targeted": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
        "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", null]}},
    "split": {"state": "ENABLED", "variants": {"a": "a", "b": "b"}, "defaultVariant": "a",
        "targeting": {"fractional": [["a", 10], ["b", 90]]}},
    "layout": {"state": "ENABLED", "variants": {"v": {"columns": [1, 2]}}, "defaultVariant": "v"}
}}"#;

fn start(text: &str) -> *const c_char {
    text.as_ptr().cast()
}

macro_rules! call {
    ($function:ident($($argument:expr),*)) => {{
        // SAFETY: everything is there for the call, and only this thread uses it.
        let status = unsafe { $function($($argument),*) };
        assert_eq!(status, Status::Ok, "{}", stringify!($function));
    }};
}

/// How many allocations something takes, once it was done before.
fn allocations(mut work: impl FnMut()) -> usize {
    for _ in 0..3 {
        work();
    }
    let before = COUNT.get();
    for _ in 0..100 {
        work();
    }
    COUNT.get() - before
}

#[test]
fn evaluating_and_building_a_context_again_allocate_nothing() {
    let (mut options, mut client, mut reader) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let (mut user, mut results): (Handle, Handle) = (ptr::null_mut(), ptr::null_mut());
    let json = FormatNumber::Json as i32;
    call!(flagcore_options_new(&raw mut options));
    call!(flagcore_options_set_watch(options, 0));
    let data = FLAGS.as_ptr().cast::<c_void>();
    call!(flagcore_options_add_bytes(options, start("flags"), 5, data, FLAGS.len(), json));
    call!(flagcore_client_new(options, &raw mut client, ptr::null_mut()));
    call!(flagcore_reader_new(client, &raw mut reader));
    call!(flagcore_context_new(&raw mut user));
    call!(flagcore_results_new(&raw mut results));

    let mut number = 0_u32;
    let build = || {
        number += 1;
        let key = *b"user-0000-0000-0000";
        call!(flagcore_context_clear(user));
        call!(flagcore_context_set_targeting_key(user, key.as_ptr().cast(), key.len()));
        call!(flagcore_context_set_string(user, start("plan"), 4, start("pro"), 3));
        call!(flagcore_context_set_integer(user, start("age"), 3, i64::from(number)));
        call!(flagcore_context_set_float(user, start("score"), 5, 0.5));
        call!(flagcore_context_set_bool(user, start("beta"), 4, 1));
        call!(flagcore_context_set_null(user, start("none"), 4));
    };
    assert_eq!(allocations(build), 0);

    let mut detail = CDetail {
        struct_size: size_of::<CDetail>(),
        value: CValue::NONE,
        variant: Text::NONE,
        reason: 0,
        error_code: 0,
        marks: 0,
        reserved: 0,
        metadata: ptr::null(),
        metadata_count: 0,
        error_message: Text::NONE,
        revision: 0,
    };
    for key in ["static", "targeted", "split", "layout", "missing"] {
        let mut flag = 0;
        call!(flagcore_client_flag(client, start(key), key.len(), &raw mut flag));
        let (mut on, mut text) = (false, Text::NONE);
        let plain = || {
            call!(flagcore_reader_get_bool(reader, flag, user, 0, &raw mut on));
            call!(flagcore_reader_get_bool_by_key(reader, start(key), key.len(), user, 1, &raw mut on));
            call!(flagcore_reader_get_string(reader, flag, user, ptr::null(), 0, &raw mut text));
            call!(flagcore_reader_get_object(reader, flag, user, ptr::null(), 0, &raw mut text));
        };
        assert_eq!(allocations(plain), 0, "{key}");
        if key == "missing" {
            continue;
        }
        let details = || {
            call!(flagcore_reader_hold(reader));
            call!(flagcore_reader_detail(reader, flag, Type::Any as i32, user, &raw mut detail));
            call!(flagcore_reader_release(reader));
        };
        assert_eq!(allocations(details), 0, "{key}");
    }
    let all = || call!(flagcore_reader_evaluate_all(reader, ptr::null(), 0, user, results));
    assert_eq!(allocations(all), 0);

    call!(flagcore_results_free(results));
    call!(flagcore_context_free(user));
    call!(flagcore_reader_free(reader));
    call!(flagcore_client_free(client));
    call!(flagcore_options_free(options));
}

#[test]
fn a_call_of_a_launch_that_is_no_sample_allocates_nothing() {
    const FLAGS: &str = r#"{"flags": {
        "none": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"},
        "off": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on", "shadow": {"sample": 1}},
        "users": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
            "shadow": {"sample": 0.000001, "by": "user"}},
        "others": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
            "shadow": {"sample": 1, "when": {"==": [{"var": "plan"}, "pro"]}}}
    }}"#;
    let (mut options, mut client, mut user) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    call!(flagcore_options_new(&raw mut options));
    let (data, json) = (FLAGS.as_ptr().cast::<c_void>(), FormatNumber::Json as i32);
    call!(flagcore_options_add_bytes(options, start("flags"), 5, data, FLAGS.len(), json));
    call!(flagcore_client_new(options, &raw mut client, ptr::null_mut()));
    call!(flagcore_context_new(&raw mut user));
    call!(flagcore_context_set_targeting_key(user, start("user-1"), 6));
    for key in ["none", "off", "users", "others", "missing"] {
        let (mut launch, mut ticket): (Handle, Handle) = (ptr::null_mut(), ptr::null_mut());
        call!(flagcore_client_launch(client, start(key), key.len(), &raw mut launch));
        let begin = || {
            call!(flagcore_launch_begin(launch, user, &raw mut ticket));
            assert!(ticket.is_null(), "{key}");
            call!(flagcore_ticket_free(ticket));
        };
        assert_eq!(allocations(begin), 0, "{key}");
        call!(flagcore_launch_free(launch));
    }
    call!(flagcore_context_free(user));
    call!(flagcore_client_free(client));
    call!(flagcore_options_free(options));
}
