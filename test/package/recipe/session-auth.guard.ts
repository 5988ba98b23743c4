import { Injectable, CanActivate, ExecutionContext, UnauthorizedException } from '@nestjs/common'

@Injectable()
export class SessionAuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest()
    const session = request.session

    if (!session || !session.userId) {
      throw new UnauthorizedException('Session not found')
    }

    request.user = { id: session.userId, email: session.email, role: session.role }
    return true
  }
}
