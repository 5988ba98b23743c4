import { randomBytes } from 'node:crypto'
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common'
import { InjectDataSource } from '@nestjs/typeorm'
import { SessionService } from 'latchkey'
import type { DataSource } from 'typeorm'

export interface Health {
  readonly status: 'ok' | 'error'
  readonly users: 'up' | 'down'
  readonly sessions: 'up' | 'down'
}

/** An id that no session has, in the form of one, so that the store is asked. */
const NOBODYS = randomBytes(38).toString('base64url')

@Injectable()
export class HealthService implements OnApplicationBootstrap {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  /**
   * Opens the connection to Redis before the first visitor waits for it: with loading the client, that may take longer
   * than a store call may. A portal without its Redis starts all the same, and has it once it is there.
   */
  async onApplicationBootstrap(): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt++) {
      if ((await this.check()).sessions === 'up') return
    }
    new Logger('Portal').warn('The session store does not answer. Until it does, nobody can sign in.')
  }

  /** Whether the portal can do its work. */
  async check(): Promise<Health> {
    const [users, sessions] = await Promise.all([
      isUp(this.dataSource.query('SELECT 1')),
      isUp(this.sessions.getSession(NOBODYS)),
    ])
    return { status: users === 'up' && sessions === 'up' ? 'ok' : 'error', users, sessions }
  }
}

function isUp(answer: Promise<unknown>): Promise<'up' | 'down'> {
  return answer.then(
    () => 'up',
    () => 'down',
  )
}
