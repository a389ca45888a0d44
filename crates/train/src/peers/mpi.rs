//! Processes that `mpirun` started, on one machine or many.

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::point_to_point::send_receive_into;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Equivalence, Root};

use super::{Peers, Rank};

/// Numbers that are summed at a time: MPI counts them in 32 bits.
const SUMMED: usize = 1 << 28;

/// The processes of `mpirun`.
pub struct Mpi {
    world: SimpleCommunicator,
    /// The end of it is the end of MPI in this process.
    _universe: Universe,
}

impl Mpi {
    /// Joins the others; none when this process joined before.
    pub fn join() -> Option<Self> {
        // Calls come from one thread; the kernels' threads make none.
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled)?;
        Some(Self { world: universe.world(), _universe: universe })
    }

    /// Ends all processes: one that failed would keep the others waiting for ever.
    pub fn abort(&self) -> ! {
        self.world.abort(1)
    }

    /// Sends to the next process what becomes that one's; the lengths are known.
    fn pass<T: Equivalence>(&self, values: &[T], received: &mut [T]) {
        let Rank { index, count } = self.rank();
        let process = |index: usize| self.world.process_at_rank((index % count) as i32);
        send_receive_into(values, &process(index + 1), received, &process(index + count - 1));
    }

    fn passed<T: Equivalence + Copy + Default>(&self, values: &mut Vec<T>) {
        let mut lengths = [0_u64];
        self.pass(&[values.len() as u64], &mut lengths);
        let mut received = vec![T::default(); lengths[0] as usize];
        self.pass(values, &mut received);
        *values = received;
    }

    fn summed<T: Equivalence + Copy + Default>(&self, values: &mut [T]) {
        let root = self.world.process_at_rank(0);
        for part in values.chunks_mut(SUMMED) {
            // Each process has the sums that the first one made: an order of their own would round otherwise.
            if self.rank().is_first() {
                let mut sums = vec![T::default(); part.len()];
                root.reduce_into_root(part, &mut sums[..], SystemOperation::sum());
                part.copy_from_slice(&sums);
            } else {
                root.reduce_into(part, SystemOperation::sum());
            }
            root.broadcast_into(part);
        }
    }
}

impl Peers for Mpi {
    fn rank(&self) -> Rank {
        Rank { index: self.world.rank() as usize, count: self.world.size() as usize }
    }

    fn shift(&self, numbers: &mut Vec<f32>, keys: &mut Vec<u64>) {
        self.passed(numbers);
        self.passed(keys);
    }

    fn sum(&self, numbers: &mut [f32]) {
        self.summed(numbers);
    }

    fn total(&self, number: f64) -> f64 {
        let mut numbers = [number];
        self.summed(&mut numbers);
        numbers[0]
    }
}
