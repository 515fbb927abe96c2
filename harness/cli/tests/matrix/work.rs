//! What is to be done, and the workers that do it: each with a sandbox of its own that it keeps for as long as there are
//! cases for it.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::case::What;
use crate::healthy::{self, Healthy};
use crate::kills::{self, Struck};
use crate::scene::Scene;
use crate::sets::{Ground, Set};
use crate::{calls, inside};

thread_local! {
    /// Why this thread panicked last.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A case that was tried.
pub struct Tried {
    pub set: &'static str,
    pub what: What,
    pub took: Duration,
    /// Whether it was one, or why it failed.
    pub ended: Result<Struck, String>,
}

struct Todo {
    set: usize,
    what: What,
}

#[derive(Default)]
struct State {
    todo: VecDeque<Todo>,
    /// The names of all cases that were ever to be done.
    known: BTreeSet<String>,
    /// Cases that are being tried: what follows from them may still come.
    open: usize,
    /// The grounds of the workers' sandboxes.
    grounds: Vec<Option<Ground>>,
    healthy: Vec<Healthy>,
    tried: Vec<Tried>,
    /// Cases that nobody came to before the time was up; those that would have followed from them are not known.
    left_out: usize,
}

/// All the work.
pub struct Work<'a> {
    sets: &'a [Set],
    /// What a case's name has to hold or to be.
    filter: Option<String>,
    /// No case is begun after this.
    until: Option<Instant>,
    state: Mutex<State>,
    /// A case has ended: what follows from it is to be done, or nothing more is.
    ended: Condvar,
}

impl<'a> Work<'a> {
    pub fn new(sets: &'a [Set], filter: Option<String>, until: Option<Instant>) -> Self {
        let wanted = |set: &Set| {
            // A whole name of a set is that set alone, also where another's begins so.
            filter.as_deref().and_then(|text| text.split_once('/')).is_none_or(|(name, _)| name == set.name)
        };
        let todo = sets.iter().enumerate().filter(|(_, set)| wanted(set));
        let todo = todo.map(|(set, _)| Todo { set, what: What::Nothing }).collect();
        let healthy = sets.iter().map(|_| Healthy::default()).collect();
        Self {
            sets,
            filter,
            until,
            state: Mutex::new(State { todo, healthy, ..State::default() }),
            ended: Condvar::new(),
        }
    }

    /// Tries everything with so many workers; what was tried, and how many cases were left out.
    pub fn go(self, workers: usize) -> (Vec<Tried>, usize) {
        std::panic::set_hook(Box::new(|info| SAID.with(|said| *said.borrow_mut() = info.to_string())));
        self.state().grounds = vec![None; workers];
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let work = &self;
                scope.spawn(move || work.worker(worker));
            }
        });
        let _ = std::panic::take_hook();
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.tried, state.left_out)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn worker(&self, worker: usize) {
        let mut scene: Option<Scene> = None;
        let mut number = 0;
        while let Some(todo) = self.next(worker) {
            number += 1;
            let (set, began) = (&self.sets[todo.set], Instant::now());
            let dir = format!("w{worker}-{number}");
            let ended = guarded(|| {
                if scene.as_ref().is_some_and(|scene| scene.ground != set.ground)
                    && let Some(old) = scene.take()
                {
                    old.end();
                }
                let scene = scene.get_or_insert_with(|| Scene::new(set.ground));
                self.one(scene, &todo, &dir)
            });
            if ended.is_err() {
                // What it left must not spoil the next.
                keep_evidence(scene.as_ref(), &dir, &format!("{}/{}", set.name, todo.what));
                scene = None;
            } else if let Some(scene) = &scene {
                let _ = std::fs::remove_dir_all(scene.lab.path(&dir));
            }
            let took = began.elapsed();
            self.done(Tried { set: set.name, what: todo.what, took, ended });
        }
        if let Some(scene) = scene
            && let Err(why) = guarded(|| scene.end())
        {
            let what = What::Nothing;
            self.state().tried.push(Tried { set: "sandbox", what, took: Duration::ZERO, ended: Err(why) });
        }
    }

    /// The next case: on the worker's own ground, else on that with most cases for each of its workers.
    fn next(&self, worker: usize) -> Option<Todo> {
        let mut state = self.state();
        loop {
            if self.until.is_some_and(|until| Instant::now() >= until) {
                state.left_out += state.todo.len();
                state.todo.clear();
            }
            let own = state.grounds[worker];
            let of = |todo: &Todo| self.sets[todo.set].ground;
            let wanted = if own.is_some_and(|own| state.todo.iter().any(|todo| of(todo) == own)) {
                own
            } else {
                let load = |ground: Ground| {
                    let cases = state.todo.iter().filter(|todo| of(todo) == ground).count();
                    let others = state.grounds.iter().flatten().filter(|at| **at == ground).count();
                    cases * 1000 / (others + 1)
                };
                state.todo.iter().map(of).max_by_key(|ground| load(*ground))
            };
            if let Some(ground) = wanted {
                let place = state.todo.iter().position(|todo| of(todo) == ground)?;
                state.grounds[worker] = Some(ground);
                state.open += 1;
                return state.todo.remove(place);
            }
            if state.open == 0 {
                return None;
            }
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn one(&self, scene: &Scene, todo: &Todo, dir: &str) -> Struck {
        let set = &self.sets[todo.set];
        match &todo.what {
            What::Nothing => {
                let (healthy, cases) = healthy::go(scene, set, dir);
                let mut state = self.state();
                state.healthy[todo.set] = healthy;
                self.add(&mut state, todo.set, cases);
            }
            What::Kill { side, line } => return kills::kill(scene, set, dir, *side, *line),
            What::Terminate { line } => return kills::terminate(scene, set, dir, *line),
            What::KillUndo { stop, side, line } => {
                let at = self.state().healthy[todo.set].stops[stop];
                return kills::kill_undo(scene, set, dir, at, *side, *line);
            }
            What::Step { step, fault } => {
                let usual = self.state().healthy[todo.set].steps[step];
                inside::go(scene, set, dir, step, *fault, usual);
            }
            What::Call { action, fault } => calls::go(scene, set, dir, action, *fault),
        }
        Struck::Yes
    }

    /// Adds the cases that are asked for.
    fn add(&self, state: &mut State, set: usize, cases: impl IntoIterator<Item = What>) {
        for what in cases {
            let name = format!("{}/{what}", self.sets[set].name);
            let exactly = |text: &str| text.ends_with(|last: char| last.is_ascii_digit());
            let asked = self.filter.as_deref().is_none_or(|text| match exactly(text) {
                true => name == text,
                false => name.contains(text),
            });
            if asked && state.known.insert(name) {
                state.todo.push_back(Todo { set, what });
            }
        }
    }

    fn done(&self, tried: Tried) {
        let mut state = self.state();
        state.open -= 1;
        let set = self.sets.iter().position(|set| set.name == tried.set).unwrap_or_default();
        // As long as lines are found there may be one more.
        let next = tried.what.next().filter(|_| tried.ended != Ok(Struck::PastTheEnd));
        if let Err(why) = &tried.ended {
            println!("FAILED {}/{}: {why}\n    again: ci/matrix.sh {0}/{1}", tried.set, tried.what);
        }
        self.add(&mut state, set, next);
        state.tried.push(tried);
        let (count, left) = (state.tried.len(), state.todo.len());
        self.ended.notify_all();
        if count.is_multiple_of(50) {
            println!("{count} tried, {left} known to be left");
        }
    }
}

/// What a closure gives, or why it panicked.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| SAID.with(|said| said.borrow().clone()))
}

/// What a case that failed wrote, where it can be looked at afterwards.
fn keep_evidence(scene: Option<&Scene>, dir: &str, name: &str) {
    let Some(scene) = scene else { return };
    let kept = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix").join(name.replace('/', "_"));
    let copied = std::fs::create_dir_all(&kept).and_then(|()| {
        for entry in std::fs::read_dir(scene.lab.path(dir))? {
            let entry = entry?;
            std::fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
        Ok(())
    });
    match copied {
        Ok(()) => println!("    files: {}", kept.display()),
        Err(error) => println!("    its files could not be kept: {error}"),
    }
}
