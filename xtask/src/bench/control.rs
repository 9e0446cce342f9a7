//! Agents: their updates, and the steps of Atari that they take.

use super::compare::numbers;
use super::{Case, Options, Ratio, Row, release};
use crate::Failure;
use crate::process::{command, succeeds};

/// As the example and the peer's script are told.
const AGENTS: [&str; 3] = ["rainbow", "sac", "curl-sac"];

/// What Gymnasium's own preprocessing of Atari needs.
const IMPORTS: &str = "import gymnasium, ale_py, cv2";

/// Updates beside PyTorch's, and steps beside Gymnasium's wrappers.
pub fn control(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let mut ratios = Vec::new();
    for agent in AGENTS {
        let rows = [Row::rate(agent), Row::cost(format!("{agent}: peak memory"))];
        let case = Case {
            title: "updates of an agent (the papers' networks and batches)",
            unit: "updates a second; peak memory of the process in MB",
            rows: &rows,
        };
        ratios.extend(options.compare_example("agent_step", "torch_agent.py", &[agent], case)?);
    }
    ratios.extend(atari(options)?);
    Ok(ratios)
}

/// Steps of one game. The peer is in the Python that runs the game for us too, so it is there whenever we are.
fn atari(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let python = options.environments();
    if !succeeds(command(&python).args(["-c", IMPORTS])) {
        println!(
            "\nsteps of Atari: left out, {} has no Gymnasium with Atari and OpenCV (cargo xtask setup, or --python PYTHON)",
            python.display()
        );
        return Ok(Vec::new());
    }
    let rows = [Row::rate("Pong, one environment")];
    let case = Case {
        title: "steps of Atari (frames skipped, 84 pixels, four stacked)",
        unit: "steps of an agent a second",
        rows: &rows,
    };
    let ours = || {
        let mut example = command(release().join("examples/atari_throughput"));
        numbers(example.arg("1").env("SELFSAME_PYTHON", &python))
    };
    let script = "gymnasium_atari.py";
    let peer = || numbers(&mut Options::script(&python, script)).map(Some);
    let ratios = case.compare(options.rounds, &ours, script, &peer)?;
    // Without other peers there is nothing to record or to compare with.
    Ok(if options.peers.is_some() { ratios } else { Vec::new() })
}
