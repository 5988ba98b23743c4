const ROUNDS = 20
const CALLS = 250

/** What is measured: how it is called for one user, and whether the answer is what it must be. */
const calls = {
  list: { call: ({ store }, user) => store.list(String(user)), isRight: (answer) => answer.length === 10 },
  count: { call: ({ store }, user) => store.count(String(user)), isRight: (answer) => answer === 10 },
  load: { call: ({ store, keys }, user) => store.load(keys[user]), isRight: (answer) => answer?.data.size === 4 },
}

/** The medians of each ground, in microseconds. The grounds take turns, and who begins changes. */
export async function measure(grounds) {
  const times = grounds.map(() => Object.fromEntries(Object.keys(calls).map((name) => [name, []])))
  for (let round = -1; round < ROUNDS; round++) {
    const order = [...grounds.keys()]
    if (round % 2 === 0) order.reverse()
    for (const name of Object.keys(calls)) {
      for (const at of order) {
        const taken = await timesOf(calls[name], grounds[at])
        // The round before the first warms up.
        if (round >= 0) times[at][name].push(...taken)
      }
    }
  }
  return times.map((each) => Object.fromEntries(Object.entries(each).map(([name, all]) => [name, median(all)])))
}

async function timesOf({ call, isRight }, ground) {
  const taken = []
  for (let at = 0; at < CALLS; at++) {
    const user = Math.floor(Math.random() * ground.users)
    const started = process.hrtime.bigint()
    const answer = await call(ground, user)
    taken.push(Number(process.hrtime.bigint() - started) / 1000)
    if (!isRight(answer)) throw new Error(`A wrong answer for user ${user}.`)
  }
  return taken
}

function median(all) {
  const sorted = all.toSorted((one, two) => one - two)
  return sorted[Math.floor(sorted.length / 2)]
}

/** How many calls a median is of. */
export const CALLS_EACH = ROUNDS * CALLS
