//! What an account adds to a call: finding the key, setting its price aside, settling it.
//!
//! ```sh
//! cargo run --release -p store --example overhead -- FILE|postgres://… [CALLS] [CLIENTS]
//! ```
//!
//! Milliseconds of each step at the median and at the 99th percentile, first one client, then so many (32) at once on one
//! account, which is the worst case: each waits for the account's row. The database is one of its own, which is filled.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::time::Instant;

use ledger::{Kind, MicroDollars, Tier};
use store::{
    Act, Charge, Credit, DefaultRates, HoldRequest, Holding, Location, NewAccount, NewKey, Pepper,
    Process, Role, Store, StoreError,
};

const PRICE: MicroDollars = MicroDollars::new(94);

const RATES: DefaultRates =
    DefaultRates { requests_per_minute: u32::MAX, images_per_minute: u32::MAX };

/// Milliseconds of the steps of a call.
type Steps = [f64; 4];

struct Bench {
    store: Store,
    pepper: Pepper,
    process: Process,
    key: String,
}

impl Bench {
    async fn open(location: &Location) -> Result<Self, StoreError> {
        let store = Store::open(location).await?;
        store.migrate().await?;
        let act = Act::operator(0);
        let new = NewAccount { name: "bench".into(), ..NewAccount::default() };
        let account = store.create_account(&new, &act).await?.id;
        let credit = Credit { amount: MicroDollars::new(1 << 50), kind: Kind::Grant, note: None };
        store.add_credit(&account, &credit, &act).await?;
        let pepper = Pepper::read(&"00".repeat(32))?;
        let new = NewKey::new(Some(account), Role::Inference, "bench");
        let (_, plain) = store.create_key(&new, &pepper, &act).await?;
        let process = store.enter(0).await?;
        Ok(Self { store, pepper, process, key: plain.expose().to_owned() })
    }

    async fn call(&self) -> Result<Steps, StoreError> {
        let begin = Instant::now();
        let elapsed = || begin.elapsed().as_secs_f64() * 1000.0;
        let shown = self.store.show_key(&self.pepper.hash(&self.key), RATES, 1).await?;
        let key = shown.expect("the key was just made").key;
        let found = elapsed();
        let request = HoldRequest {
            key: &key,
            account: key.account_id.as_deref().expect("it is an account's"),
            process: &self.process,
            amount: PRICE,
            images: 1,
            rates: RATES,
            request_id: "req",
            question: None,
            now: 1,
        };
        let Holding::Held(hold) = self.store.hold(&request).await? else {
            unreachable!("nothing was asked before")
        };
        let held = elapsed();
        let charge = Charge {
            cost: PRICE,
            model: "bench",
            tier: Tier::Standard,
            images: 1,
            cached_images: 0,
            texts: 0,
            request_id: "req",
            answer: None,
            now: 1,
        };
        self.store.settle(hold, &charge).await?;
        let settled = elapsed();
        Ok([found, held - found, settled - held, settled])
    }

    async fn calls(&self, count: usize) -> Result<Vec<Steps>, StoreError> {
        let mut calls = Vec::with_capacity(count);
        for _ in 0..count {
            calls.push(self.call().await?);
        }
        Ok(calls)
    }
}

fn report(title: &str, calls: &[Steps], seconds: f64) {
    println!("{title}: {:.0} calls/s", calls.len() as f64 / seconds);
    for (step, name) in ["key", "hold", "settle", "all"].into_iter().enumerate() {
        let mut times = calls.iter().map(|call| call[step]).collect::<Vec<_>>();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!("  {name:<8} median {:7.3} ms   p99 {:7.3} ms", at(0.5), at(0.99));
    }
}

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let mut arguments = std::env::args().skip(1);
    let location = arguments.next().unwrap_or_else(|| "overhead.db".to_owned());
    let mut number = |default| arguments.next().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (count, clients) = (number(2000), number(32));
    let bench = Bench::open(&Location::read(&location)?).await?;
    bench.calls(50).await?;
    let store = bench.store.clone();
    // As a server does.
    let tidying = tokio::spawn(async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let _failures_do_not_count = store.tidy().await;
        }
    });
    let begin = Instant::now();
    report("1 client", &bench.calls(count).await?, begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    let each = (0..clients).map(|_| bench.calls(count / clients));
    let all = futures_util::future::join_all(each).await;
    let seconds = begin.elapsed().as_secs_f64();
    let all = all.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    report(&format!("{clients} clients"), &all, seconds);
    tidying.abort();
    Ok(())
}
