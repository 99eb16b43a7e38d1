import { quotaKills } from './quota-kills.ts';

quotaKills({ postgres: 30, redis: 15 });
