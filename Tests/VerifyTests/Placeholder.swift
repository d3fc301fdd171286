// Part of Lockstep. See LICENSE.
