import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpAdapterHost } from '@nestjs/core'
import type { FastifyInstance } from 'fastify'
import { invalid } from '../core/options.js'
import { TRUST_PROXY, type Door } from '../http/door.js'
import { addSessionHooks } from '../http/fastify-hooks.js'

/** What is used of a Nest HTTP adapter. */
interface Adapter {
  getType(): string
  getInstance(): unknown
  use(middleware: RawMiddleware): unknown
}

const MOUNTED = Symbol('latchkey.mounted')

type RawMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/** A Fastify that Nest has given `use`, which runs before the hooks that are added later. */
type MiddieInstance = FastifyInstance & { use?: (middleware: RawMiddleware) => unknown }

/**
 * Puts the door before everything else that a Nest application runs, as soon as the application has its adapter: at once
 * in `NestFactory.create`, later in a testing module, never in an application without HTTP.
 *
 * @throws SessionError `OPTIONS_INVALID` if the application has a door already.
 */
export function mount(door: Door, host: HttpAdapterHost): void {
  const marked = host as HttpAdapterHost & { [MOUNTED]?: true }
  if (marked[MOUNTED]) {
    throw invalid(
      'SessionModule is set up twice in one application, so requests would have the session of one and SessionService that ' +
        'of the other. Call SessionModule.forRoot once, in the root module; it is global.',
    )
  }
  marked[MOUNTED] = true
  const adapter = host.httpAdapter as Adapter | undefined
  if (adapter) mountOn(door, adapter)
  else host.init$.subscribe(() => mountOn(door, host.httpAdapter as Adapter))
}

/** How the platform of this host is told of a proxy. */
export function trustProxyOf(host: HttpAdapterHost): string {
  return (host.httpAdapter as Adapter | undefined)?.getType() === 'fastify'
    ? TRUST_PROXY.nestFastify
    : TRUST_PROXY.express
}

function mountOn(door: Door, adapter: Adapter): void {
  const enter: RawMiddleware = (request, response, next) => door.enter(request, response, request, next)
  if (adapter.getType() !== 'fastify') {
    adapter.use(enter)
    return
  }
  const instance = adapter.getInstance() as MiddieInstance
  // Nest middleware runs inside of @fastify/middie, whose hook may be there already: then the session must be opened in
  // there, and without a path, so that no spelling of one gets around it. The hook is for all else.
  instance.use?.(enter)
  addSessionHooks(instance, door)
}
