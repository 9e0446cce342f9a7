//! What the names of environments say: games and domains that the papers treat by themselves.

/// The game that one of Gymnasium's names of Atari means, such as `Pong` of `ALE/Pong-v5` or `PongNoFrameskip-v4`; none without a version.
pub fn game(environment: &str) -> Option<&str> {
    let name = environment.rsplit('/').next()?;
    let (name, _version) = name.rsplit_once("-v")?;
    let variants = ["NoFrameskip", "Deterministic"];
    Some(variants.iter().find_map(|variant| name.strip_suffix(variant)).unwrap_or(name))
}

/// Whether this is a task of a domain of DeepMind Control, such as `dm_control/cheetah-run` of `cheetah`.
pub fn is_of_domain(environment: &str, domain: &str) -> bool {
    let task = environment.strip_prefix("dm_control/").and_then(|task| task.strip_prefix(domain));
    task.is_some_and(|task| task.starts_with(['-', '_']))
}
