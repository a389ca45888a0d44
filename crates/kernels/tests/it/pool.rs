use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use kernels::Pool;

#[test]
fn every_task_runs_exactly_once_whatever_the_number_of_threads() {
    for threads in [0, 1, 2, 3, 8] {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads.max(1));
        for tasks in [0, 1, 2, 7, 1000] {
            let counts = (0..tasks).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>();
            pool.run(tasks, &|task| {
                assert!(task.worker < pool.threads());
                counts[task.index].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }
}

#[test]
fn many_short_jobs_in_a_row_all_finish_also_after_the_workers_fell_asleep() {
    let pool = Pool::new(3);
    let done = AtomicUsize::new(0);
    for round in 0..2_000 {
        if round % 500 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        pool.run(4, &|_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(done.into_inner(), 8_000);
}

#[test]
fn jobs_of_several_callers_do_not_mix() {
    let pool = Pool::new(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let sum = AtomicUsize::new(0);
                    pool.run(10, &|task| {
                        sum.fetch_add(task.index, Ordering::Relaxed);
                    });
                    assert_eq!(sum.into_inner(), 45);
                }
            });
        }
    });
}

#[test]
fn a_panic_in_a_task_reaches_the_caller_and_the_pool_goes_on() {
    let pool = Pool::new(2);
    for _ in 0..20 {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.run(50, &|task| assert_ne!(task.index, 30, "task thirty"));
        }));
        assert!(caught.is_err());
        let done = AtomicUsize::new(0);
        pool.run(50, &|_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 50);
    }
}
