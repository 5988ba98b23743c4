import type { Server } from 'node:http'
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'

/** How long a shutdown waits for requests that are under way, in milliseconds. */
const GRACE = 5000

/** Closing a server waits for its last request, and a client that never ends one would keep it for minutes. */
@Injectable()
export class ShutdownDeadline implements BeforeApplicationShutdown {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  beforeApplicationShutdown(): void {
    const server = this.host.httpAdapter.getHttpServer() as Server
    setTimeout(() => server.closeAllConnections(), GRACE).unref()
  }
}
