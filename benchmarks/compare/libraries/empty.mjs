import { bare } from './bare.mjs'

/** A middleware that does nothing: the least that one can cost. */
export const empty = {
  ...bare,
  express(app) {
    app.use((_request, _response, next) => next())
  },
  async fastify(instance) {
    instance.addHook('onRequest', (_request, _reply, done) => done())
  },
}
