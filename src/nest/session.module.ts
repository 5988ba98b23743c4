import { Inject, Logger, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { Subject } from 'rxjs'
import type { SessionEvent } from '../core/events.js'
import { callable } from '../core/options.js'
import { Door } from '../http/door.js'
import type { LogFields } from '../http/log.js'
import { SESSION_DOOR, SESSION_SUBJECT } from './session.constants.js'
import { SessionEvents } from './session.events.js'
import { SessionAuthGuard } from './session.guard.js'
import { SessionMiddleware } from './session.middleware.js'
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type SessionModuleOptions,
} from './session.module-definition.js'
import { mount, trustProxyOf } from './session.mount.js'
import { SessionService } from './session.service.js'

/**
 * Sessions for a Nest application: `SessionModule.forRoot({ secret, store })`, or `forRootAsync` with a factory, for
 * example from `ConfigService`.
 *
 * Global unless told otherwise (`isGlobal: false`). Mounts itself on Express and on Fastify, before all middleware, so that
 * `req.session` and `@Session()` work everywhere. The application is initialized when the store can be used; while it can't be
 * for `startTimeout`, `init` and `listen` reject. When the application shuts down, it closes what the store opened.
 *
 * @throws SessionError `OPTIONS_INVALID` at start-up for options that can't work.
 */
@Module({
  providers: [
    { provide: SESSION_SUBJECT, useFactory: () => new Subject<SessionEvent>() },
    {
      provide: SESSION_DOOR,
      inject: [MODULE_OPTIONS_TOKEN, HttpAdapterHost, SESSION_SUBJECT],
      useFactory: openDoor,
    },
    SessionEvents,
    SessionService,
    SessionMiddleware,
    SessionAuthGuard,
  ],
  exports: [SESSION_DOOR, MODULE_OPTIONS_TOKEN, SessionService, SessionEvents, SessionMiddleware, SessionAuthGuard],
})
export class SessionModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  readonly #door: Door
  readonly #subject: Subject<SessionEvent>

  constructor(@Inject(SESSION_DOOR) door: Door, @Inject(SESSION_SUBJECT) subject: Subject<SessionEvent>) {
    super()
    this.#door = door
    this.#subject = subject
  }

  onModuleInit(): Promise<void> {
    return this.#door.ready()
  }

  async onApplicationShutdown(): Promise<void> {
    try {
      await this.#door.close()
    } finally {
      this.#subject.complete()
    }
  }
}

function openDoor(options: SessionModuleOptions, host: HttpAdapterHost, subject: Subject<SessionEvent>): Door {
  const { user: _user, signIn: _signIn, onEvent, ...sessionOptions } = options
  callable('onEvent', onEvent)
  const door = new Door(
    {
      log,
      ...sessionOptions,
      onEvent: (event) => {
        subject.next(event)
        return onEvent?.(event)
      },
    },
    () => trustProxyOf(host),
  )
  mount(door, host)
  return door
}

const logger = new Logger('SessionModule')

const METHODS = { info: 'log', warn: 'warn', error: 'error' } as const

/** The fields go along as Nest's own loggers take them. */
function log(line: string, { level, ...fields }: LogFields): void {
  logger[METHODS[level]](line, fields)
}
