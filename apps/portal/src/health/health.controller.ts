import { randomBytes } from 'node:crypto'
import { Controller, Get, Header, Inject, ServiceUnavailableException } from '@nestjs/common'
import { InjectDataSource } from '@nestjs/typeorm'
import { SessionService } from 'latchkey'
import type { DataSource } from 'typeorm'

/** Whether the portal can do its work: 200, or 503 with what is down. */
@Controller('health')
export class HealthController {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async check(): Promise<object> {
    const [users, sessions] = await Promise.all([
      isUp(this.dataSource.query('SELECT 1')),
      isUp(this.sessions.getSession(NOBODYS)),
    ])
    const health = { status: users && sessions ? 'ok' : 'error', users: word(users), sessions: word(sessions) }
    if (health.status === 'error') throw new ServiceUnavailableException(health)
    return health
  }
}

/** An id that no session has, in the form of one, so that the store is asked. */
const NOBODYS = randomBytes(38).toString('base64url')

async function isUp(answer: Promise<unknown>): Promise<boolean> {
  return answer.then(
    () => true,
    () => false,
  )
}

function word(isUp: boolean): string {
  return isUp ? 'up' : 'down'
}
