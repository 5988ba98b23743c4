import type { IncomingMessage, ServerResponse } from 'node:http'
import { Inject, Injectable, type NestMiddleware } from '@nestjs/common'
import type { Door } from '../http/door.js'
import { SESSION_DOOR } from './session.constants.js'

/**
 * For those who mount by hand: `consumer.apply(SessionMiddleware).forRoutes(…)`. {@link SessionModule} mounts itself, and
 * a request that has its session already goes through unchanged.
 */
@Injectable()
export class SessionMiddleware implements NestMiddleware {
  readonly #door: Door

  constructor(@Inject(SESSION_DOOR) door: Door) {
    this.#door = door
  }

  /** On Fastify, Nest hands a middleware Node's own request and response; on Express they are the platform's. */
  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    this.#door.enter(request, response, request, next)
  }
}
