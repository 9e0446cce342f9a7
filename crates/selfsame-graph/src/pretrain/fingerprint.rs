//! How a resumed run knows its data again.

use selfsame_core::Random;

use crate::data::{Ids, InteractionData, Interactions};

/// Changes when an id or an interaction of any part does. It is a chain of addresses, each made of all that came before.
pub(crate) fn fingerprint(data: &InteractionData) -> String {
    let ids = |chain: Random, ids: &Ids| ids.names().fold(chain, |chain, name| chain.named(name));
    let part = |chain: Random, part: &Interactions| {
        part.pairs().fold(chain, |chain, (user, item)| chain.at(u64::from(user) << 32 | u64::from(item)))
    };
    let mut chain = ids(Random::new(0).named("users"), &data.users);
    chain = ids(chain.named("items"), &data.items);
    for (name, interactions) in
        [("train", &data.train), ("validation", &data.validation), ("test", &data.test)]
    {
        chain = part(chain.named(name), interactions);
    }
    format!("{:016x}", chain.bits())
}
