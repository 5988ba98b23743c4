import { Controller, Get, Header, Inject, ServiceUnavailableException } from '@nestjs/common'
import { HealthService, type Health } from './health.service.js'

@Controller('health')
export class HealthController {
  constructor(@Inject(HealthService) private readonly health: HealthService) {}

  /** 200, or 503 with what is down. */
  @Get()
  @Header('Cache-Control', 'no-store')
  async check(): Promise<Health> {
    const health = await this.health.check()
    if (health.status === 'error') throw new ServiceUnavailableException(health)
    return health
  }
}
