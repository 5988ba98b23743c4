import { Inject, Injectable } from '@nestjs/common'
import { InjectDataSource } from '@nestjs/typeorm'
import { SessionHealthIndicator } from 'latchkey'
import type { DataSource } from 'typeorm'

export interface Health {
  readonly status: 'ok' | 'error'
  readonly users: 'up' | 'down'
  readonly sessions: 'up' | 'down'
}

@Injectable()
export class HealthService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(SessionHealthIndicator) private readonly sessionStore: SessionHealthIndicator,
  ) {}

  /** Whether the portal can do its work. */
  async check(): Promise<Health> {
    const [users, { sessions }] = await Promise.all([
      isUp(this.dataSource.query('SELECT 1')),
      this.sessionStore.check(),
    ])
    const isOk = users === 'up' && sessions.status === 'up'
    return { status: isOk ? 'ok' : 'error', users, sessions: sessions.status }
  }
}

function isUp(answer: Promise<unknown>): Promise<'up' | 'down'> {
  return answer.then(
    () => 'up',
    () => 'down',
  )
}
