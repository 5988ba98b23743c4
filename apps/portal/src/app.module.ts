import { Module, ValidationPipe, type DynamicModule } from '@nestjs/common'
import { ConfigModule, ConfigService } from '@nestjs/config'
import { APP_PIPE } from '@nestjs/core'
import { ThrottlerModule } from '@nestjs/throttler'
import { TypeOrmModule } from '@nestjs/typeorm'
import { SessionModule } from 'latchkey'
import { AuthModule } from './auth/auth.module.js'
import { databaseOptions, openDatabase } from './config/database.js'
import { sessionOptions } from './config/sessions.js'
import type { PortalConfig, Settings } from './config/settings.js'
import { ShutdownDeadline } from './config/shutdown.js'
import { HealthModule } from './health/health.module.js'
import { PagesModule } from './pages/pages.module.js'

@Module({
  imports: [
    SessionModule.forRootAsync({ inject: [ConfigService], useFactory: sessionOptions }),
    TypeOrmModule.forRootAsync({
      inject: [ConfigService],
      useFactory: databaseOptions,
      dataSourceFactory: openDatabase,
    }),
    ThrottlerModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: PortalConfig) => ({
        throttlers: [config.get('throttle', { infer: true })],
        errorMessage: 'Too many attempts. Wait a minute and try again',
      }),
    }),
    AuthModule,
    HealthModule,
    PagesModule,
  ],
  providers: [
    ShutdownDeadline,
    {
      provide: APP_PIPE,
      useValue: new ValidationPipe({
        whitelist: true,
        forbidNonWhitelisted: true,
        transform: true,
        stopAtFirstError: true,
      }),
    },
  ],
})
export class AppModule {
  /** The settings are read already: which adapter to make is one of them. */
  static forRoot(settings: Settings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot({
          isGlobal: true,
          ignoreEnvFile: true,
          skipProcessEnv: true,
          load: [() => ({ ...settings })],
        }),
      ],
    }
  }
}
