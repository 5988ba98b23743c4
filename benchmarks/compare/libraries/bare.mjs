const NOBODY = {}
const MEMBER = { userId: 1, role: 'member', cart: ['tea', 'milk', 'bread'] }
const WRITTEN = {}

/** No sessions: the same pages answer what they would with one. */
export const bare = {
  sessionOf(request) {
    if (request.method === 'POST') return WRITTEN
    return request.headers.cookie === undefined ? NOBODY : MEMBER
  },
  renew: (_request, done) => done(),
  end: (_request, done) => done(),
  keep: undefined,
}
