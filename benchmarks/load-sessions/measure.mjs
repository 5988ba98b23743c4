/** How many calls of one kind follow each other in a round. */
export const CALLS = 250

const list = { call: ({ store }, user) => store.list(String(user)), isRight: (answer) => answer.length === 10 }
const count = { call: ({ store }, user) => store.count(String(user)), isRight: (answer) => answer === 10 }
const load = { call: ({ store, keys }, user) => store.load(keys[user]), isRight: (answer) => answer?.data.size === 4 }

/** The same user each time, as one who looks at a page again and again. */
const one = ({ users }) => Math.floor(users / 2)
/** Another user each time: what it takes is in no cache. */
const any = ({ users }) => Math.floor(Math.random() * users)

/** What is measured, for whom, and how much longer it may take among many sessions than among few. */
export const measures = {
  'list the ten sessions of one user': { ...list, whose: one, limit: 2 },
  'list those of another user each time': { ...list, whose: any, limit: 2 },
  'count those of another user each time': { ...count, whose: any },
  'load one session': { ...load, whose: one, limit: 1.2 },
  'load another session each time': { ...load, whose: any },
}

/** The medians of each ground, in microseconds. The grounds take turns, and who begins changes. */
export async function measure(grounds, rounds) {
  const times = grounds.map(() => Object.fromEntries(Object.keys(measures).map((name) => [name, []])))
  for (let round = -1; round < rounds; round++) {
    const order = [...grounds.keys()]
    if (round % 2 === 0) order.reverse()
    for (const name of Object.keys(measures)) {
      for (const at of order) {
        const taken = await timesOf(measures[name], grounds[at])
        // The round before the first warms up.
        if (round >= 0) times[at][name].push(...taken)
      }
    }
  }
  return times.map((each) => Object.fromEntries(Object.entries(each).map(([name, all]) => [name, median(all)])))
}

async function timesOf({ call, isRight, whose }, ground) {
  const taken = []
  for (let at = 0; at < CALLS; at++) {
    const user = whose(ground)
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
