import { Client } from 'undici'
import { serve } from './serve.mjs'

/** How long a session may stay good elsewhere before this gives up, in milliseconds. */
const PATIENCE = 10_000

/**
 * How long a session that was ended at one process is still served by another, in milliseconds: from the answer to the sign-out
 * to the last answer of the other one that still had the session, which is asked without a pause. 0 if there was none.
 *
 * @param {import('./ground.mjs').Ground} ground
 * @returns {Promise<number[]>} one for each time
 */
export function measureSignOut(ground, variant, times) {
  return ground.with(variant, {}, async (settings) => {
    const [one, other] = [await serve(variant, settings), await serve(variant, settings)]
    const [at, elsewhere] = [one, other].map(({ port }) => new Client(`http://127.0.0.1:${port}`, { pipelining: 1 }))
    try {
      const taken = []
      for (let user = 1; user <= times; user++) taken.push(await signOut(at, elsewhere, user))
      return taken
    } finally {
      await Promise.all([at.destroy(), elsewhere.destroy()])
      await Promise.all([one.close(), other.close()])
    }
  })
}

async function signOut(at, elsewhere, user) {
  const signedIn = await at.request({ method: 'POST', path: `/sign-in/${user}` })
  await signedIn.body.dump()
  const [cookie] = [signedIn.headers['set-cookie']].flat()[0].split(';', 1)
  const isServed = async () => {
    const { body } = await elsewhere.request({ method: 'GET', path: '/read', headers: { cookie } })
    return (await body.text()).startsWith(`{"user":${user},`)
  }
  for (let count = 0; count < 3; count++) {
    if (!(await isServed())) throw new Error('A session that was signed in at one process is not served by the other.')
  }
  let [ended, last] = [Infinity, 0]
  const ending = at
    .request({ method: 'POST', path: '/sign-out', headers: { cookie } })
    .then(({ body }) => body.dump())
    .then(() => (ended = performance.now()))
  while (await isServed()) {
    last = performance.now()
    if (last - ended > PATIENCE) throw new Error(`A session is served ${PATIENCE} ms after it was ended elsewhere.`)
  }
  await ending
  return Math.max(0, last - ended)
}
